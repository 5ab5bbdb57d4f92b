"""The words of a person's verdict, which case store and runs share."""

from typing import Literal

# Stored as they are here: a word may be added, none may change.
Verdict = Literal["benign", "malignant", "unsure", "not judgeable"]
