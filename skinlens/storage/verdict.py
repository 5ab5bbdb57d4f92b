"""The words of a person's verdict, which case store and runs share."""

from typing import Literal

from skinlens.translation import marked

# Stored as they are here: a word may be added, none may change.
Verdict = Literal["benign", "malignant", "unsure", "not judgeable"]
# As a person reads them.
VERDICT_WORDS: dict[Verdict, str] = {
    "benign": marked("benign"),
    "malignant": marked("malignant"),
    "unsure": marked("unsure"),
    "not judgeable": marked("not assessable"),
}
