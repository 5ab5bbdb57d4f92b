"""Tables in the reader's language: headings, texts and the numbers in them."""

import pandas as pd

from skinlens.translation import in_language


def shown_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table as a reader should see it; what is saved as a CSV stays as it is.

    Args:
        table: With English headings and texts. Columns of numbers stay numbers, so that they can be sorted.
    """
    shown = table.map(lambda cell: in_language(cell) if isinstance(cell, str) else cell)
    return shown.set_axis([in_language(str(column)) for column in table.columns], axis=1)
