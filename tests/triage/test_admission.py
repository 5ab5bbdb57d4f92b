"""What may be assessed: only unusable or out-of-distribution images are rejected, each with its reason in words."""

import itertools
from typing import get_args

import pytest

from skinlens.imaging.quality import LIMITS, Check, CheckName, Quality, assess_quality
from skinlens.imaging.synthetic import draw_lesion
from skinlens.triage.admission import admit
from skinlens.triage.wording import NOT_DERMOSCOPY


def quality(*failing: CheckName, reject: tuple[CheckName, ...] = ()) -> Quality:
    return Quality(
        tuple(
            Check(
                name, 0.0, 0.0, name not in (*failing, *reject), "refuse" if name in reject else "warn", limits.advice
            )
            for name, limits in LIMITS.items()
        )
    )


def test_a_good_and_image_of_dermoscopy_is_admitted_without_a_word() -> None:
    admission = admit(quality(), ood_score=0.0, threshold=-1.0)
    assert (admission.rejected, admission.reasons, admission.warnings) == (False, (), ())


@pytest.mark.parametrize("name", get_args(CheckName))
def test_every_warning_is_reported_and_rejects_nothing(name: CheckName) -> None:
    admission = admit(quality(name))
    assert not admission.rejected
    assert not admission.reasons
    assert len(admission.warnings) == 1
    assert LIMITS[name].advice in admission.warnings[0]


def test_every_finding_has_its_own_words() -> None:
    sentences = [admit(quality(name)).warnings[0] for name in get_args(CheckName)]
    assert len(set(sentences)) == len(get_args(CheckName))


def test_an_unusable_image_is_rejected_and_still_warned_about() -> None:
    admission = admit(quality("hair", reject=("blurred", "too_dark")))
    assert admission.rejected
    assert [reason.partition(".")[0] for reason in admission.reasons] == [
        "The image is blurred",
        "The image is too dark",
    ]
    assert len(admission.warnings) == 1
    assert "hair" in admission.warnings[0]


@pytest.mark.parametrize(("ood_score", "rejected"), [(-2.0, True), (-1.0, False), (0.0, False), (float("nan"), True)])
def test_an_image_below_the_threshold_is_out_of_distribution(ood_score: float, *, rejected: bool) -> None:
    admission = admit(quality(), ood_score=ood_score, threshold=-1.0)
    assert admission.rejected == rejected
    assert admission.reasons == ((NOT_DERMOSCOPY,) if rejected else ())


def test_out_of_distribution_is_the_first_reason() -> None:
    admission = admit(quality(reject=("no_colour",)), ood_score=-9.0, threshold=-1.0)
    assert admission.reasons[0] == NOT_DERMOSCOPY
    assert len(admission.reasons) == 2


def test_a_synthetic_image_passes_by_and_is_reported_what_was_found() -> None:
    admission = admit(quality("ink", reject=("blurred",)), ood_score=-9.0, threshold=-1.0, synthetic=True)
    assert not admission.rejected
    assert not admission.reasons
    assert admission.warnings[0] == NOT_DERMOSCOPY
    assert len(admission.warnings) == 3


@pytest.mark.parametrize(("ood_score", "threshold"), [(1.0, None), (None, 1.0)])
def test_half_a_comparison_is_an_error(ood_score: float | None, threshold: float | None) -> None:
    with pytest.raises(ValueError, match="together with its threshold"):
        admit(quality(), ood_score=ood_score, threshold=threshold)


def test_reasons_and_warnings_are_all_that_failed() -> None:
    """Nothing found is lost, whatever combination it comes in."""
    names = get_args(CheckName)
    for first, second in itertools.combinations(names, 2):
        admission = admit(quality(first, reject=(second,)))
        assert len(admission.reasons) == len(admission.warnings) == 1


def test_a_drawn_example_needs_no_exemption_from_the_pixel_checks() -> None:
    image = draw_lesion(0)
    assert not admit(assess_quality(image.pixels), synthetic=False).rejected
