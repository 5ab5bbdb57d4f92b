"""What could harm a patient if this were used on one: each hazard with its control and the test that holds it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hazard:
    """One line of the hazard table.

    Attributes:
        harm: What could happen to a patient.
        cause: How it could come about here.
        control: What is done about it, or what is left.
        tested: A test that fails without the control, as pytest names it.
    """

    harm: str
    cause: str
    control: str
    tested: str


HAZARDS = (
    Hazard(
        "A melanoma is left alone",
        "A low score is taken for an all-clear",
        "A low result always says that it does not exclude melanoma, and no word on the page sounds like an all-clear",
        "tests/test_triage.py::TestAssess::test_low_never_comes_without_its_sentence",
    ),
    Hazard(
        "A melanoma is left alone",
        "The verdict hangs on how the camera was held",
        "Each image is judged in eight orientations; if one verdict differs, the result is uncertain",
        "tests/test_triage.py::TestUncertain::test_one_view_with_another_verdict_is_enough",
    ),
    Hazard(
        "Needless surgery, or false comfort",
        "The number is read as a chance of cancer",
        "A score that is not calibrated says so; an estimate is given only at a stated prevalence",
        "tests/test_triage.py::TestMeaning::test_a_score_that_is_not_calibrated_has_an_outlook_alone",
    ),
    Hazard(
        "A wrong verdict",
        "The model recognises the file or the surroundings instead of the lesion",
        "The default model was trained on lesions moved to other skin, and on images without theirs; what is left is "
        "measured and shown: shortcut tests on the Compare page, and test views without telling files",
        "tests/cli/test_stress.py::TestWhoReadsTheBorder::test_every_verdict_follows_the_background",
    ),
    Hazard(
        "A wrong verdict",
        "The image is no dermoscopy at all",
        "Images that do not look like dermoscopy to the model are not judged; 10 of 125 close-ups by a telephone "
        "still were by the default model, and 28 by that of the paper",
        "tests/cli/test_refusal.py::test_drawn_negatives_are_refused_and_the_grey_ones_by_their_pixels",
    ),
    Hazard(
        "A wrong verdict",
        "The image is too blurred, dark, burnt out or colourless for anyone to judge",
        "It is not judged until a person gives a reason, which is kept with the result; what speaks against any other "
        "image stands above its result",
        "tests/app/test_triage_page.py::TestRefusedImage::test_it_is_judged_for_a_reason_only",
    ),
    Hazard(
        "The wrong spot is cut out",
        "The heatmap is read as the border of the lesion, or faint evidence looks strong",
        "One fixed scale for all images, told beside the map: weak evidence looks weak",
        "tests/runtime/test_predictor.py::TestEvidenceHeatmap::test_weak_evidence_looks_weak",
    ),
    Hazard(
        "The wrong patient is treated",
        "Facts typed for one image end up with another",
        "The facts belong to the image by its digest, which the summary prints",
        "tests/app/test_triage_page.py::test_facts_stay_with_their_image",
    ),
    Hazard(
        "The wrong patient is treated",
        "A row of a CSV is taken to be about another image of the same name",
        "A name that several images have is an error that lists them, and the row is not used",
        "tests/batch/test_facts.py::test_a_name_that_several_have_is_an_error_that_lists_them",
    ),
    Hazard(
        "A melanoma is left alone",
        "Images of a batch are lost when the program is closed or killed half-way, and nobody notices",
        "An image's result is kept together with the fact that it has one; the rest is judged when the run goes on",
        "tests/batch/test_runner.py::test_a_killed_program_leaves_the_run_ready_to_go_on",
    ),
    Hazard(
        "A melanoma is left alone",
        "A reviewer follows the model instead of looking, or one reviewer's verdict replaces another's",
        "In blind mode the result is shown after the reviewer's verdict; verdicts stand beside one another",
        "tests/app/test_batch_page.py::test_blind_mode_hides_the_model_until_the_verdict",
    ),
    Hazard(
        "A wrong verdict",
        "An image stored on its side is judged and shown turned",
        "Every image is turned upright in one place, whatever its format",
        "tests/imaging/test_decode.py::test_every_orientation_is_turned_upright",
    ),
    Hazard(
        "A wrong verdict",
        "The model's files are damaged or exchanged",
        "Their digests are compared with the card before anything is loaded",
        "tests/runtime/test_predictor.py::test_a_flipped_byte_stops_the_model_before_it_is_loaded",
    ),
    Hazard(
        "A melanoma is left alone",
        "The model or its card gives a number that is none, which counts as below the threshold",
        "Cards are read strictly, and an image without a usable number is rejected",
        "tests/test_no_number.py::TestDecision::test_the_score",
    ),
    Hazard(
        "A wrong verdict",
        "A threshold or the calibration in the model's card is changed",
        "The digests of released cards ship with the code; any other card must be named as one's own and is marked",
        "tests/runtime/test_released.py::test_no_bit_of_a_released_card_can_be_changed",
    ),
    Hazard(
        "A melanoma is left alone",
        "A damaged or hostile file keeps the program busy, fills the memory or crashes a decoder, and the images after "
        "it get no result",
        "Each image is decoded in a process of its own within a budget of time and memory; beyond it the image is "
        "rejected with a sentence, and the next one opens",
        "tests/imaging/test_limits.py::test_a_decoder_that_is_late_is_killed_and_the_next_image_opens",
    ),
    Hazard(
        "A patient's image becomes public",
        "Another user of the computer reads what is kept, or an image outlives the deletion of its patient",
        "Everything kept is for its owner alone, and images without a case are deleted at every start",
        "tests/cases/test_tidy.py::test_whenever_a_saving_program_is_killed_the_rest_can_be_tidied_up",
    ),
    Hazard(
        "A patient's image becomes public",
        "It leaves the computer",
        "No network call and no telemetry; the server answers on localhost only",
        "tests/test_rooms.py::TestServer::test_it_is_local_private_and_tight_lipped",
    ),
)
