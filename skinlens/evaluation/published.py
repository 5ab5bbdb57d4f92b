"""The paper's published confusion matrices (arXiv 2510.03876) and what follows from them."""

from pathlib import Path

import numpy as np
import pandas as pd

from skinlens.evaluation.metrics import rates_from_counts

SOURCE = "arXiv 2510.03876, confusion matrices on its 660 test images (which its training also used for validation)"


def published_models(path: Path) -> pd.DataFrame:
    """The published models with the rates that their confusion matrices give.

    Args:
        path: CSV with `model`, `tn`, `fp`, `fn`, `tp`; positive is malignant.

    Returns:
        Those columns, and accuracy, balanced accuracy, sensitivity, specificity, precision and F1 in [0, 1].
    """
    table = pd.read_csv(path)
    counts = (table[name].to_numpy(dtype=np.float64) for name in ("tn", "fp", "fn", "tp"))
    return table.assign(**rates_from_counts(*counts))
