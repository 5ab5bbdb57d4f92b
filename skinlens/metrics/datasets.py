"""Source datasets by name: what the column `origin` of a manifest stands for, as a clinician knows it."""

DATASETS = {
    "ham": "Vienna and Queensland (HAM10000)",
    "bcn": "Barcelona (BCN20000)",
    "msk": "New York (MSK)",
    "milk": "MILK10k",
    "ids": "International Dermoscopy Society",
    "hiba": "Buenos Aires (HIBA)",
    "uq": "University of Queensland",
}


def dataset_title(origin: str) -> str:
    """Return the plain name of a source dataset; its code where no name is known."""
    return DATASETS.get(origin, origin)
