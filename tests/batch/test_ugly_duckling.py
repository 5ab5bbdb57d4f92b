"""The patient's other images: which differs most, and one lesion at several dates."""

import numpy as np
import pytest

from skinlens.batch.facts import Facts
from skinlens.batch.table import Entry
from skinlens.batch.ugly_duckling import patients, rank_ugly_ducklings, same_lesion
from skinlens.triage.wording import NOT_DERMOSCOPY
from tests.batch.test_table import line, table


def group(*lesions: str, dates: tuple[str, ...] = ()) -> list[Entry]:
    given = dates or ("",) * len(lesions)
    facts = {
        number: Facts(case_id="P-1", lesion=lesion, date=date)
        for number, (lesion, date) in enumerate(zip(lesions, given, strict=True))
    }
    return table(*(line(number) for number in range(len(lesions))), facts=facts)


def test_the_one_apart_differs_most() -> None:
    features = {0: [1.0, 0.1], 1: [1.0, 0.0], 2: [0.0, 1.0], 3: [2.0, 0.1]}
    found = rank_ugly_ducklings(group("a", "b", "c", "d"), features)
    assert found[0].number == 2
    assert (
        found[0].sentence() == f"Differs most from this patient's others (4 images, distance {found[0].distance:.2f})."
    )
    # Median of the cosine distances to the three others.
    cosines = [0.1 / np.hypot(1.0, 0.1), 0.0, 0.1 / np.hypot(2.0, 0.1)]
    assert found[0].distance == pytest.approx(1 - np.median(cosines))
    assert [each.rank for each in found] == [1, 2, 3, 4]


def test_how_large_the_features_are_does_not_matter() -> None:
    features = {0: [1.0, 0.2], 1: [1.0, 0.1], 2: [0.1, 1.0]}
    larger = {number: [7 * value for value in values] for number, values in features.items()}
    plain, scaled = (rank_ugly_ducklings(group("a", "b", "c"), each) for each in (features, larger))
    assert [each.number for each in plain] == [each.number for each in scaled]
    assert [each.distance for each in plain] == pytest.approx([each.distance for each in scaled])


def test_another_date_of_the_same_lesion_is_no_other_lesion() -> None:
    features = {0: [1.0, 0.0], 1: [1.0, 0.0], 2: [0.0, 1.0], 3: [0.0, 1.0]}
    found = {each.number: each.distance for each in rank_ugly_ducklings(group("a", "b", "c", "c"), features)}
    # The two of lesion c are compared with a and b alone.
    assert found[2] == found[3] == pytest.approx(1.0)


def test_nothing_differs_among_two_or_within_one_lesion() -> None:
    features = {number: [1.0, float(number)] for number in range(3)}
    assert rank_ugly_ducklings(group("a", "b"), features) == []
    assert rank_ugly_ducklings(group("a", "a", "a"), features) == []


def test_one_lesion_in_the_order_of_its_dates() -> None:
    found = group("a", "b", "a", "a", dates=("", "2025-01-01", "2026-05-02", "2026-01-02"))
    assert [entry.number for entry in same_lesion(found[2], found)] == [3, 2, 0]
    assert [entry.number for entry in same_lesion(found[1], found)] == [1]


def test_an_image_without_a_lesion_is_alone() -> None:
    found = group("", "")
    assert [entry.number for entry in same_lesion(found[0], found)] == [0]


def test_only_assessed_images_with_a_pseudonym_are_grouped() -> None:
    run = (line(0), line(1), line(2, None), line(3, rejections=(NOT_DERMOSCOPY,)), line(4))
    facts = {number: Facts(case_id="P-1") for number in (0, 2, 3, 4)}
    found = patients(table(*run, facts=facts))
    assert {name: [entry.number for entry in each] for name, each in found.items()} == {"P-1": [0, 4]}
