"""A reader's verdicts, as the pages offer them."""

from typing import get_args

from skinlens.storage.verdict import Verdict
from skinlens.triage.case import VERDICT_WORDS

# As saved, and as shown; a page translates the words where it shows them.
VERDICTS: dict[Verdict, str] = {verdict: VERDICT_WORDS[verdict] for verdict in get_args(Verdict)}
