"""Body sites: codes and names are those of a published list, and texts say site and side."""

import pytest
from pydicom.sr.codedict import codes

from skinlens.translation import language
from skinlens.triage.sites import SITES, sides_of, site_in_language, site_text


def listed(cid: str) -> dict[str, str]:
    """Names by code of a list of DICOM's, as pydicom has it, of SNOMED CT alone."""
    group = getattr(codes, cid)
    every = (getattr(group, name) for name in group.dir())
    return {code.value: code.meaning for code in every if code.scheme_designator == "SCT"}


def test_every_site_is_on_the_list_of_dermatology_sites_under_its_name() -> None:
    known = listed("cid4029")
    assert {code: site.concept for code, site in SITES.items()} == {code: known[code] for code in SITES}
    assert 40 <= len(SITES) <= 60


def test_titles_are_distinct() -> None:
    assert len({site.title for site in SITES.values()}) == len(SITES)


@pytest.mark.parametrize(
    ("code", "side", "more", "text"),
    [
        ("", "", "", ""),
        ("", "", "  birthmark   on the arm ", "birthmark on the arm"),
        ("699893008", "", "", "Upper back"),
        ("699893008", "midline", "", "Upper back, midline"),
        ("36141000", "right", "near the ear", "Cheek, right: near the ear"),
    ],
)
def test_a_site_is_written_in_words(code: str, side: str, more: str, text: str) -> None:
    assert site_text(code, side, more) == text


@pytest.mark.parametrize(("code", "side"), [("1", ""), ("36141000", "upside")])
def test_what_is_on_no_list_is_an_error(code: str, side: str) -> None:
    with pytest.raises(ValueError, match=r"no body site|a side is one of"):
        site_text(code, side)


def test_only_what_crosses_the_midline_can_lie_on_it() -> None:
    assert "midline" in sides_of("43067004")
    assert "midline" not in sides_of("36141000")


def test_every_place_is_shown_in_the_readers_language() -> None:
    with language("de"):
        shown = {site_in_language(site_text(code, side)) for code in SITES for side in ("", *sides_of(code))}
        assert site_in_language("Upper back, left: by the scapula") == "Oberer Rücken, links: by the scapula"
        # What a person typed is theirs, also where it begins like one of ours.
        assert site_in_language("Upper back, leftish") == "Upper back, leftish"
        assert site_in_language("") == ""
    assert len(shown) == sum(1 + len(sides_of(code)) for code in SITES)
    assert not {site_text(code, "left") for code in SITES} & shown
