"""The paper's published confusion matrices (arXiv 2510.03876) and the metrics that follow from them."""

from pathlib import Path

import numpy as np
import pandas as pd

from skinlens.metrics.classification import Confusion
from skinlens.metrics.registry import metrics_of_confusion
from skinlens.translation import marked

SOURCE = marked(
    "arXiv 2510.03876, confusion matrices on its 660 test images (which its training also used for validation)"
)


def published_models(path: Path) -> pd.DataFrame:
    """Read the published models, with the metrics that their confusion matrices give.

    Args:
        path: CSV with `model`, `tn`, `fp`, `fn`, `tp`; positive is malignant. Optional: `architecture` (its name
            here), `roc_auc` and `pr_auc` where the paper gives them, and `source`.

    Returns:
        Those columns, and every metric of `registry.METRICS` that follows from a confusion matrix, in [0, 1].
    """
    table = pd.read_csv(path)
    counts = (table[name].to_numpy(dtype=np.float64) for name in ("tn", "fp", "fn", "tp"))
    # The sums of a Confusion hold for arrays of counts too.
    return table.assign(**metrics_of_confusion(Confusion(*counts)))  # type: ignore[arg-type]


def published_as(architecture: str, published: pd.DataFrame) -> str | None:
    """Return what the paper calls a network.

    Args:
        architecture: Its name here, or the name of a model that begins with it, as in `resnet50_frozen`.
        published: From `published_models`.

    Returns:
        The paper's name; None if it has no such network.
    """
    for name, model in zip(published["architecture"], published["model"], strict=True):
        if architecture == name or architecture.startswith(f"{name}_"):
            return str(model)
    return None
