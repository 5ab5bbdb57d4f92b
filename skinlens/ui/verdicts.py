"""A reader's verdicts, as the pages offer them."""

from skinlens.storage.verdict import VERDICT_WORDS, Verdict

# As saved, and as shown.
VERDICTS: dict[Verdict, str] = VERDICT_WORDS
