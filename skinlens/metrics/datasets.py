"""Source datasets by name: what the column `origin` of a manifest stands for, as a clinician knows it."""

from skinlens.translation import marked

DATASETS = {
    "ham": marked("Vienna and Queensland (HAM10000)"),
    "bcn": marked("Barcelona (BCN20000)"),
    "msk": marked("New York (MSK)"),
    "milk": "MILK10k",
    "ids": marked("International Dermoscopy Society"),
    "hiba": marked("Buenos Aires (HIBA)"),
    "uq": marked("University of Queensland"),
}


def dataset_title(origin: str) -> str:
    """Return the plain name of a source dataset; its code where no name is known."""
    return DATASETS.get(origin, origin)
