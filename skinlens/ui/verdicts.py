"""A reader's verdicts, as the pages offer them."""

from skinlens.storage.verdict import Verdict

# As saved, and as shown.
VERDICTS: dict[Verdict, str] = {
    "benign": "benign",
    "malignant": "malignant",
    "unsure": "unsure",
    "not judgeable": "not assessable",
}
