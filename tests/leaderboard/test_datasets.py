"""Names of source datasets."""

from skinlens.leaderboard.datasets import DATASETS, dataset_title, in_order


def test_known_datasets_have_names_that_a_clinician_knows() -> None:
    assert dataset_title("ham") == "Vienna and Queensland (HAM10000)"
    assert dataset_title("bcn") == "Barcelona (BCN20000)"
    assert dataset_title("msk") == "New York (MSK)"
    assert dataset_title("milk") == "MILK10k"
    assert dataset_title("ids") == "International Dermoscopy Society"
    assert len(set(DATASETS.values())) == len(DATASETS)


def test_an_unknown_one_goes_by_its_code() -> None:
    assert dataset_title("paris") == "paris"


def test_known_ones_come_first_and_in_one_order() -> None:
    assert in_order({"paris", "msk", "ham", "athens"}) == ["ham", "msk", "athens", "paris"]
