"""The order in which tables list source datasets, and their plain names."""

from skinlens.metrics.datasets import DATASETS, dataset_title

__all__ = ["DATASETS", "dataset_title", "in_order"]


def in_order(origins: set[str]) -> list[str]:
    """Sort codes of source datasets as `DATASETS` lists them, unknown ones last and by name.

    Args:
        origins: As in the column `origin` of manifests.

    Example:
        >>> in_order({"zzz", "msk", "ham"})
        ['ham', 'msk', 'zzz']
    """
    known = list(DATASETS)
    return sorted(origins, key=lambda origin: (known.index(origin) if origin in known else len(known), origin))
