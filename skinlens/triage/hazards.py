"""Hazards (ISO 14971): what could harm a patient if this were used on one, the control, and the test that holds it."""

from dataclasses import dataclass

from skinlens.translation import marked


@dataclass(frozen=True)
class Hazard:
    """One row of the hazard table.

    Attributes:
        harm: To the patient.
        cause: How it could come about here.
        control: What is done about it, and what remains.
        tested: A test that fails without the control, as pytest names it.
    """

    harm: str
    cause: str
    control: str
    tested: str


HAZARDS = (
    Hazard(
        marked("A melanoma is not treated"),
        marked("A low score is read as an all-clear"),
        marked("Every low result says that it does not exclude melanoma; nothing on the page reads like an all-clear"),
        "tests/triage/test_decision.py::TestAssess::test_low_never_comes_without_its_sentence",
    ),
    Hazard(
        marked("A melanoma is not treated"),
        marked("The decision depends on how the camera was held"),
        marked(
            "Each image is assessed in eight orientations; if one of them gives another decision, the result is "
            "uncertain"
        ),
        "tests/triage/test_decision.py::TestUncertain::test_one_view_with_another_verdict_is_enough",
    ),
    Hazard(
        marked("Unnecessary surgery, or false reassurance"),
        marked("The number is read as a chance of cancer where it is none, or two numbers contradict one another"),
        marked(
            "A score that is not calibrated says so; any other gets one risk at the stated prevalence, with the "
            "interval that belongs to its score, the same on page, PDF and in tables"
        ),
        "tests/triage/test_risk.py::TestMeaning::test_a_score_that_is_not_calibrated_has_an_outlook_alone",
    ),
    Hazard(
        marked("A wrong decision"),
        marked("The model recognises the file or the background instead of the lesion"),
        marked(
            "The default model was trained on lesions moved to other skin, and on images without their lesion. "
            "What remains is measured and shown on the Compare page: shortcut tests, and test views without the "
            "compression shortcut"
        ),
        "tests/studies/test_robustness.py::TestWhoReadsTheBorder::test_every_verdict_follows_the_background",
    ),
    Hazard(
        marked("A wrong decision"),
        marked("The image is not dermoscopy"),
        marked(
            "Images that do not look like dermoscopy are rejected. The default model still accepted 10 of 125 "
            "close-up photographs from telephones, the paper's model 28"
        ),
        "tests/studies/test_ood_rejection.py::test_drawn_negatives_are_refused_and_the_grey_ones_by_their_pixels",
    ),
    Hazard(
        marked("A wrong decision"),
        marked("The image is too blurred, dark, overexposed or colourless to assess"),
        marked(
            "It is rejected until a person gives a reason, which is saved with the result. Lesser problems are "
            "shown above the result"
        ),
        "tests/app/test_triage_page.py::TestRejectedImage::test_it_is_assessed_only_for_a_reason",
    ),
    Hazard(
        marked("The wrong area is excised"),
        marked("The heatmap is read as the border of the lesion, or weak evidence looks strong"),
        marked("All images share one scale, which is shown beside the heatmap: weak evidence looks weak"),
        "tests/explain/test_heatmap.py::TestScaledHeatmap::test_weak_evidence_looks_weak",
    ),
    Hazard(
        marked("The wrong patient is treated"),
        marked("Facts typed for one image end up with another"),
        marked("Facts belong to the image by its SHA-256, which the PDF prints"),
        "tests/app/test_triage_page.py::test_facts_stay_with_their_image",
    ),
    Hazard(
        marked("The wrong patient is treated"),
        marked("A row of a CSV is matched to another image of the same name"),
        marked("A name that several images have is an error that lists them, and the row is not used"),
        "tests/batch/test_facts.py::test_a_name_that_several_have_is_an_error_that_lists_them",
    ),
    Hazard(
        marked("A melanoma is not treated"),
        marked("Images of a batch are lost when the program is closed or killed, and nobody notices"),
        marked(
            "An image's result is saved together with the fact that it has one; the others are assessed when the "
            "run is resumed"
        ),
        "tests/batch/test_runner.py::test_a_killed_program_leaves_the_run_ready_to_go_on",
    ),
    Hazard(
        marked("A melanoma is not treated"),
        marked("A reviewer follows the model instead of looking, or one reviewer's verdict replaces another's"),
        marked("Blind reading shows the result only after the reviewer's verdict; all verdicts are kept"),
        "tests/app/test_batch_page.py::test_blind_mode_hides_the_model_until_the_verdict",
    ),
    Hazard(
        marked("A wrong decision"),
        marked("An image saved on its side is assessed and shown turned"),
        marked("Every image is turned upright in one place, whatever its format"),
        "tests/imaging/test_decode.py::test_every_orientation_is_turned_upright",
    ),
    Hazard(
        marked("A wrong decision"),
        marked("The model's files are damaged or exchanged"),
        marked("Their digests are compared with the card before anything is loaded"),
        "tests/runtime/test_predictor.py::test_a_flipped_byte_stops_the_model_before_it_is_loaded",
    ),
    Hazard(
        marked("A melanoma is not treated"),
        marked("The model or its card gives something that is not a number, which would count as below the threshold"),
        marked("Cards are read strictly, and an image without a usable number is rejected"),
        "tests/test_no_number.py::TestDecision::test_the_score",
    ),
    Hazard(
        marked("A wrong decision"),
        marked("A threshold or the calibration in the model's card is changed"),
        marked(
            "The digests of released cards ship with the code; any other card must be allowed explicitly and is marked"
        ),
        "tests/runtime/test_released.py::test_no_bit_of_a_released_card_can_be_changed",
    ),
    Hazard(
        marked("A melanoma is not treated"),
        marked(
            "A damaged or hostile file blocks the program, fills the memory or crashes a decoder, and later "
            "images get no result"
        ),
        marked(
            "Each image is decoded in a separate process with limits on time and memory. Beyond them the image is"
            " rejected with a reason, and the next one opens"
        ),
        "tests/imaging/test_limits.py::test_a_decoder_that_is_late_is_killed_and_the_next_image_opens",
    ),
    Hazard(
        marked("A patient's image becomes public"),
        marked("Another user of the computer reads what is saved, or an image outlives the deletion of its patient"),
        marked("Everything saved can be read by its owner only, and images without a case are deleted at every start"),
        "tests/cases/test_tidy.py::test_whenever_a_saving_program_is_killed_the_rest_can_be_tidied_up",
    ),
    Hazard(
        marked("A patient's image becomes public"),
        marked("It leaves the computer"),
        marked("No network call and no telemetry; the server answers on localhost only"),
        "tests/test_rooms.py::TestServer::test_it_is_local_private_and_tight_lipped",
    ),
)
