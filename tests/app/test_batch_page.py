"""The Batch page in its states: no run, started, complete, reviewed, blind, finished, and every failure."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from skinlens.batch.runner import go_through
from skinlens.batch.schema import RunImage
from skinlens.batch.store import BatchStore, Plan, create_run
from skinlens.batch.table import entries
from skinlens.cases.store import open_store
from skinlens.imaging.synthetic import encode_png
from skinlens.runtime.card import ModelCard
from skinlens.runtime.predictor import Predictor, load_predictor
from skinlens.ui.batch.runs import runs_folder, workers
from tests.complete_run import make_complete_run
from tests.drawn import familiar_pixels
from tests.quick_app import given_to_components

NAMES = ("a/1.png", "a/2.png", "b/1.png", "c.png")
FACTS = b"path,case_id,lesion,date,label\na/1.png,P-1,back,2026-01-02,malignant\na/2.png,P-1,back,2026-05-02,benign\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SKINLENS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four images and a broken one; the same for every test, so none may change it."""
    made = tmp_path_factory.mktemp("images") / "ward"
    for seed, name in enumerate(NAMES):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(encode_png(familiar_pixels(seed, malignant_look=seed % 2 == 1)))
    (made / "broken.jpg").write_bytes(b"no image")
    return made


@pytest.fixture(scope="module")
def complete(folder: Path, predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run, of which every test gets a copy."""
    return make_complete_run(folder, predictor, tmp_path_factory.mktemp("runs"))


@pytest.fixture
def run(complete: Path) -> Iterator[BatchStore]:
    """A complete run."""
    store = BatchStore(shutil.copytree(complete, runs_folder() / complete.name))
    yield store
    store.engine.dispose()


def batch(app: AppTest, store: BatchStore | None = None) -> AppTest:
    app.run()
    app.switch_page("pages/batch.py")
    if store is not None:
        app.session_state["batch-run"] = store.id
    app.run()
    assert not app.exception
    return app


def texts(app: AppTest) -> str:
    kinds = (app.text, app.markdown, app.caption, app.error, app.warning, app.info, app.success)
    return "\n".join(element.value for kind in kinds for element in kind)


def viewer(app: AppTest) -> list[dict]:  # type: ignore[type-arg]
    """What the viewers of the page are given."""
    return given_to_components(app, "sides")


def button(app: AppTest, label: str) -> Button:
    return next(each for each in app.button if each.label == label)


def outcomes(app: AppTest) -> dict[str, int]:
    """The line of counts above the table."""
    (line,) = (each.value for each in app.text if re.match(r"^[A-Z][a-z ]+: \d+( · |$)", each.value))
    return {name: int(n) for name, _, n in (part.partition(": ") for part in line.split(" · "))}


def go(app: AppTest, step: str) -> AppTest:
    """Go to a step by its button."""
    app.button(key=f"batch-go-{step}").click().run()
    assert not app.exception
    return app


def review(app: AppTest) -> AppTest:
    """Begin the review of the listed images."""
    app.button(key="batch-begin").click().run()
    assert not app.exception
    return app


def press(app: AppTest, name: str) -> AppTest:
    """Press the button of the verdict bar whose key begins so, such as `batch-verdict-m`."""
    next(each for each in app.button if str(each.key).startswith(name)).click().run()
    assert not app.exception
    return app


def in_review(app: AppTest) -> str:
    """Which image is in view, as in `2 of 4`."""
    (place,) = (each.value for each in app.markdown if each.value.startswith("Image "))
    return place.removeprefix("Image ")


def verdict_buttons(app: AppTest) -> list[str]:
    return [str(each.label) for each in app.button if str(each.key).startswith("batch-verdict")]


def test_nothing_can_be_started_before_something_is_chosen(app: AppTest) -> None:
    batch(app)
    assert button(app, "Start").disabled
    assert "deleted when you finish or discard the run" in texts(app)
    assert "Runs" not in [each.value for each in app.subheader]
    assert [each.disabled for each in app.button if str(each.key).startswith("batch-go")] == [False, True, True, True]


def test_a_path_is_assessed_in_the_background_and_its_results_appear(app: AppTest, folder: Path) -> None:
    batch(app)
    app.segmented_control(key="batch-origin").set_value("Path on this computer").run()
    app.text_input(key="batch-path").set_value(str(folder)).run()
    app.toggle(key="batch-views").set_value(False).run()
    button(app, "Start").click().run()
    assert not app.exception
    assert app.button(key="batch-go-run").label.startswith("Step 2 of 4: Run")
    workers().wait(app.session_state["batch-run"], 60)
    app.run()
    assert "5 of 5 images, 1 unreadable" in texts(app)
    # A file at the top of the folder: neither the folder's own path nor the name twice.
    assert "\nbroken.jpg is not an image that can be opened" in f"\n{texts(app)}"
    button(app, "Review the images").click().run()
    assert app.button(key="batch-go-review").label == "Step 3 of 4: Review · 0 of 4 reviewed"
    assert app.button(key="batch-go-run").label == "2 Run · complete"
    table = app.dataframe[0].value
    assert sorted(table["Name"]) == ["a/1.png", "a/2.png", "b/1.png", "broken.jpg", "c.png"]
    assert sum(outcomes(app).values()) == 5
    assert outcomes(app)["Not readable"] == 1
    go(app, "choose")
    assert str(folder) in texts(app)
    button(app, "All runs").click().run()
    assert "ward" in texts(app)
    assert "5 images, complete" in texts(app)
    button(app, "Open").click().run()
    assert not app.exception
    assert "a/1.png" in set(app.dataframe[0].value["Name"])


def test_uploads_are_copied_assessed_and_deleted_when_the_run_is_finished(app: AppTest, folder: Path) -> None:
    batch(app)
    files = [(name.replace("/", "-"), (folder / name).read_bytes(), "image/png") for name in NAMES[:2]]
    app.file_uploader[0].set_value(files).run()
    app.toggle(key="batch-views").set_value(False).run()
    button(app, "Start").click().run()
    assert not app.exception
    run_id = app.session_state["batch-run"]
    workers().wait(run_id, 60)
    app.run()
    store = BatchStore(runs_folder() / run_id)
    assert len(list(store.spool.iterdir())) == 2
    go(app, "review")
    assert sorted(app.dataframe[0].value["Name"]) == ["a-1.png", "a-2.png"]
    go(app, "export")
    button(app, "Finish the run").click().run()
    assert not app.exception
    assert not store.spool.exists()
    assert len(store.lines()) == 2
    assert "The copies of your uploads have been deleted." in texts(app)
    review(go(app, "review"))
    assert "can no longer be read" in texts(app)
    store.engine.dispose()


def test_a_missing_path_is_reported(app: AppTest, tmp_path: Path) -> None:
    batch(app)
    app.segmented_control(key="batch-origin").set_value("Path on this computer").run()
    app.text_input(key="batch-path").set_value(str(tmp_path / "nowhere")).run()
    button(app, "Start").click().run()
    assert "There is no such file or folder on this computer." in texts(app)
    assert "batch-run" not in app.session_state


@pytest.mark.parametrize("path", [f"/{'n' * 300}", "~nobody-of-this-name/images"])
def test_a_path_that_cannot_be_read_is_reported(app: AppTest, path: str) -> None:
    batch(app)
    app.segmented_control(key="batch-origin").set_value("Path on this computer").run()
    app.text_input(key="batch-path").set_value(path).run()
    button(app, "Start").click().run()
    assert not app.exception
    assert "This path cannot be read on this computer." in texts(app)


@pytest.mark.parametrize("name", ["notes.txt", ""])
def test_a_folder_without_images_leaves_nothing_to_assess(app: AppTest, tmp_path: Path, name: str) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    if name:
        (empty / name).write_text("no image")
    batch(app)
    app.segmented_control(key="batch-origin").set_value("Path on this computer").run()
    app.text_input(key="batch-path").set_value(str(empty)).run()
    button(app, "Start").click().run()
    workers().wait(app.session_state["batch-run"], 60)
    app.run()
    assert not app.exception
    shown = texts(app)
    assert "No image was found, so there is nothing to assess." in shown
    assert f"{empty}: This folder holds no images" in shown
    assert ("Files skipped because they are not images: 1." in shown) == bool(name)
    reasons = [reason for table in app.dataframe for reason in table.value["Reason"]]
    assert reasons == ["No image by its name or its content."] * bool(name)
    assert not verdict_buttons(app)
    go(app, "choose")
    button(app, "All runs").click().run()
    assert "complete, no image could be assessed" in texts(app)
    button(app, "Open").click().run()
    button(app, "Discard the run").click().run()
    button(app, "Delete results and verdicts").click().run()
    assert not app.exception
    assert not list(runs_folder().iterdir())


def test_no_verdict_can_be_given_on_a_file_that_could_not_be_read(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    app.text_input(key="batch-words").set_value("broken.jpg").run()
    assert app.dataframe[0].value["Name"].tolist() == ["broken.jpg"]
    assert app.button(key="batch-begin").disabled
    app.session_state["batch-queue"] = (_number(run, "broken.jpg"),)
    app.session_state["batch-at"] = _number(run, "broken.jpg")
    app.run()
    assert not app.exception
    assert verdict_buttons(app) == []
    assert "This file was not assessed, so it takes no verdict." in texts(app)
    assert "broken.jpg is not an image that can be opened" in texts(app)
    (keys,) = (data["keys"] for data in given_to_components(app, "keys"))
    assert set(keys) == {"z", "arrowleft", "arrowright"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"patient,diagnosis\nP-1,nevus\n", "needs a column path or sha256"),
        (bytes(range(256)), "is not a CSV in UTF-8"),
    ],
)
def test_unusable_case_facts_are_reported_before_anything_is_assessed(
    app: AppTest, folder: Path, content: bytes, why: str
) -> None:
    batch(app)
    app.segmented_control(key="batch-origin").set_value("Path on this computer").run()
    app.text_input(key="batch-path").set_value(str(folder)).run()
    app.file_uploader[0].set_value(("facts.csv", content, "text/csv")).run()
    button(app, "Start").click().run()
    shown = texts(app)
    assert "The run was not started: the case facts cannot be used." in shown
    assert why in shown
    assert "A CSV with a column path" in shown
    assert not runs_folder().exists()


def test_a_run_whose_images_are_not_listed_yet_says_so(app: AppTest, folder: Path, predictor: Predictor) -> None:
    store = create_run(
        runs_folder(), Plan("ward", "path", (str(folder),), predictor.card, orientations=False, actor="me")
    )
    batch(app, store)
    assert app.button(key="batch-go-run").label == "Step 2 of 4: Run"
    assert "Images not listed yet" in [each.proto.text for each in app.get("progress")]
    assert app.button(key="batch-go-review").disabled
    store.engine.dispose()


def test_counts_follow_the_threshold_without_assessing_again(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    before = run.stamp()
    app.segmented_control(key="batch-point").set_value("custom threshold").run()
    app.slider(key="batch-threshold").set_value(0.0).run()
    assert outcomes(app)["Above threshold"] == 4
    app.slider(key="batch-threshold").set_value(1.0).run()
    assert outcomes(app) == {"Below threshold": 4, "Not readable": 1}
    assert run.stamp() == before


def test_scores_are_written_as_the_language_writes_numbers(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    english = [score for score in app.dataframe[0].value["Score"] if score]
    app.session_state["language"] = "de"
    app.run()
    assert not app.exception
    german = [score for score in app.dataframe[0].value.iloc[:, 3] if score]
    assert len(english) == 4
    assert german == [score.replace(".", ",") for score in english] != english


def test_the_sidebar_names_the_operating_point_of_the_page(
    app: AppTest, run: BatchStore, calibrated: ModelCard
) -> None:
    assert calibrated.default_point == "screening"
    batch(app)
    assert "Operating point" not in app.sidebar.caption[0].value
    app.session_state["batch-run"] = run.id
    app.run()
    assert "**screening**" in app.sidebar.caption[0].value
    app.segmented_control(key="batch-point").set_value("specialist").run()
    point = run.card().point("specialist")
    assert f"**specialist**, threshold {point.threshold:.2f}" in app.sidebar.caption[0].value
    app.segmented_control(key="batch-point").set_value("custom threshold").run()
    app.slider(key="batch-threshold").set_value(0.77).run()
    assert "**custom**, threshold 0.77" in app.sidebar.caption[0].value
    app.switch_page("pages/triage.py").run()
    assert "0.77" not in app.sidebar.caption[0].value


def test_a_run_of_a_model_that_was_not_released_is_marked(app: AppTest, folder: Path, predictor: Predictor) -> None:
    own = predictor.card.model_copy(update={"unverified": True})
    store = create_run(runs_folder(), Plan("ward", "path", (str(folder),), own, orientations=False, actor="me"))
    go(batch(app, store), "choose")
    assert f"{own.name} (unverified)" in texts(app)
    store.engine.dispose()


@pytest.mark.slow
def test_the_filter_leaves_what_fits_and_outlives_a_visit_to_another_page(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    app.multiselect(key="batch-outcomes").set_value(["unreadable"]).run()
    assert app.dataframe[0].value["Name"].tolist() == ["broken.jpg"]
    go(app, "export")
    assert "Table and archive contain the 1 of 5 images" in texts(app)
    app.switch_page("pages/about.py").run()
    app.switch_page("pages/batch.py").run()
    go(app, "review")
    assert app.dataframe[0].value["Name"].tolist() == ["broken.jpg"]
    app.text_input(key="batch-words").set_value("nothing like it").run()
    assert "No image matches the filter." in texts(app)
    assert not app.exception


def test_a_verdict_is_kept_and_the_next_image_comes(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    first, second = app.dataframe[0].value["Name"].tolist()[:2]
    app.text_input(key="batch-reviewer").set_value("Dr A").run()
    review(app)
    assert in_review(app) == "1 of 4"
    app.text_input(key=f"batch-note-{run.id}-{_number(run, first)}").set_value("asymmetric").run()
    press(app, "batch-verdict-m")
    (kept,) = run.reviews()
    assert (kept.actor, kept.verdict, kept.note, kept.blind) == ("Dr A", "malignant", "asymmetric", False)
    assert kept.number == _number(run, first)
    assert in_review(app) == "2 of 4"
    assert second in [element.value for element in app.text]
    assert "**1 of 4 reviewed**" in texts(app)
    button(app, "Back to the list").click().run()
    assert app.dataframe[0].value["Verdict"].tolist()[0] == "malignant"
    assert button(app, "Continue reviewing")


def test_after_the_last_image_the_page_says_that_it_is_done(app: AppTest, run: BatchStore) -> None:
    review(batch(app, run))
    for verdict in "mbun":
        press(app, f"batch-verdict-{verdict}")
    assert {each.verdict for each in run.reviews()} == {"malignant", "benign", "unsure", "not judgeable"}
    assert "Done. All 4 images in this list are reviewed." in texts(app)
    assert verdict_buttons(app) == []
    press(app, "batch-undo")
    assert in_review(app) == "4 of 4"
    press(app, "batch-next")
    assert "This was the last image. 1 image has no verdict of yours yet." in texts(app)
    button(app, "Go to the first of them").click().run()
    press(app, "batch-verdict-b")
    button(app, "Go on to export").click().run()
    assert app.button(key="batch-go-export").label == "Step 4 of 4: Export"


def test_undo_takes_verdicts_back_one_after_another(app: AppTest, run: BatchStore) -> None:
    review(batch(app, run))
    assert next(each for each in app.button if str(each.key).startswith("batch-undo")).disabled
    first = app.session_state["batch-at"]
    app.text_input(key=f"batch-note-{run.id}-{first}").set_value("asymmetric").run()
    press(press(app, "batch-verdict-m"), "batch-verdict-b")
    assert in_review(app) == "3 of 4"
    press(app, "batch-undo")
    assert in_review(app) == "2 of 4"
    press(app, "batch-undo")
    assert in_review(app) == "1 of 4"
    assert all(each.withdrawn for each in run.reviews())
    assert "**0 of 4 reviewed**" in texts(app)
    assert app.text_input(key=f"batch-note-{run.id}-{first}").value == "asymmetric"
    press(app, "batch-verdict-u")
    assert [(each.number, each.verdict, each.note) for each in run.reviews() if not each.withdrawn] == [
        (first, "unsure", "asymmetric")
    ]


def test_a_verdict_that_came_in_meanwhile_is_shown_before_another_is_added(app: AppTest, run: BatchStore) -> None:
    review(batch(app, run))
    run.review(app.session_state["batch-at"], "malignant", note="seen at the other desk", blind=False, actor="B")
    press(app, "batch-verdict-b")
    assert [each.actor for each in run.reviews()] == ["B"]
    assert "seen at the other desk" in texts(app)
    press(app, "batch-verdict-b")
    assert [each.verdict for each in run.reviews()] == ["malignant", "benign"]


def test_blind_mode_hides_the_model_until_the_verdict(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    app.toggle(key="batch-blind").set_value(True).run()
    table = app.dataframe[0].value
    assert table["Decision"].tolist() == ["hidden", "hidden", "hidden", "Not readable", "hidden"]
    assert table.select_dtypes("number").isna().all(axis=None)
    assert "Above threshold" not in texts(app)
    review(app)
    (data,) = viewer(app)
    assert [side["map"] for side in data["sides"]] == [None]
    assert not re.search(r"referral threshold|estimate|score", texts(app))
    press(app, "batch-verdict-b")
    assert run.reviews()[0].blind
    assert in_review(app) == "1 of 4"
    (data,) = viewer(app)
    assert len(data["sides"]) == 2
    button(app, "Back to the list").click().run()
    assert app.dataframe[0].value["Decision"].tolist()[0] != "hidden"
    app.toggle(key="batch-blind").set_value(False).run()
    assert "Verdicts given blind: reviewer and model agree on" in texts(app)
    assert "No kappa is shown" in texts(app)


def test_who_turns_blind_in_the_middle_goes_on_in_an_order_that_says_nothing(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    app.multiselect(key="batch-outcomes").set_value(["low"]).run()
    press(review(app), "batch-next")
    at = app.session_state["batch-at"]
    app.toggle(key="batch-blind").set_value(True).run()
    assert not app.exception
    assert app.session_state["batch-at"] == at
    # All images, as in the folder: neither the most suspicious first nor those with one decision alone.
    assert list(app.session_state["batch-queue"]) == [line.number for line in run.lines() if line.is_assessed]


def test_a_blind_verdict_that_was_taken_back_is_not_given_blind_again(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    app.toggle(key="batch-blind").set_value(True).run()
    press(review(app), "batch-verdict-b")
    press(app, "batch-undo")
    # The result was seen, and cannot be forgotten.
    assert len(viewer(app)[0]["sides"]) == 2
    press(app, "batch-verdict-m")
    assert [(each.verdict, each.blind, each.withdrawn is None) for each in run.reviews()] == [
        ("benign", True, False),
        ("malignant", False, True),
    ]


def test_case_facts_give_ground_truth_and_the_patients_other_images(app: AppTest, run: BatchStore) -> None:
    again = b"c.png,P-4,,,benign\nc.png,P-4,,,malignant\n"
    run.add_facts("facts.csv", FACTS + b"1.png,P-2,,,\nnowhere.png,P-3,,,\n" + again)
    batch(app, run)
    shown = texts(app)
    assert "Lines 6, 7 say different things about c.png." in shown
    assert "may mean several images" not in shown
    assert "Correct these rows and add the CSV again" in shown
    assert "Line 4: 1.png may be" in shown
    assert "Line 5: nowhere.png" in shown
    assert "Of 1 malignant images, " in shown
    app.selectbox(key="batch-order").set_value("mistakes").run()
    app.text_input(key="batch-words").set_value("a/1.png").run()
    review(app)
    assert "Patient: P-1" in texts(app)
    assert "The same lesion over time" in texts(app)
    assert "2026-05-02" in texts(app)


def test_an_image_goes_into_the_cases_under_its_patient(app: AppTest, run: BatchStore) -> None:
    run.add_facts("facts.csv", FACTS)
    batch(app, run)
    app.text_input(key="batch-words").set_value("a/1.png").run()
    button(review(app), "Save case").click().run()
    assert not app.exception
    cases = open_store()
    (line,) = cases.search().lines
    assert (line.patient, line.lesion, line.image_name) == ("P-1", "back", "1.png")
    cases.engine.dispose()


def test_without_a_pseudonym_no_case_is_saved(app: AppTest, run: BatchStore) -> None:
    assert button(review(batch(app, run)), "Save case").disabled


def test_without_its_file_an_image_is_reviewed_but_not_taken_along(app: AppTest, run: BatchStore, folder: Path) -> None:
    run.add_facts("facts.csv", FACTS)
    away = folder.rename(folder.with_name("away"))
    try:
        batch(app, run)
        app.text_input(key="batch-words").set_value("a/1.png").run()
        review(app)
    finally:
        away.rename(folder)
    shown = texts(app)
    assert "The image cannot be shown." in shown
    assert f"Expected at {folder / 'a/1.png'}" in shown
    assert button(app, "Save case").disabled
    assert button(app, "Open in Triage").disabled
    assert [each.proto.disabled for each in app.get("download_button") if each.proto.label == "Download PDF"] == [True]
    assert len(verdict_buttons(app)) == 4


def test_unusable_case_facts_are_reported(app: AppTest, run: BatchStore) -> None:
    run.add_facts("facts.csv", b"path,label\na/1.png,nevus\n")
    batch(app, run)
    assert "a label other than benign, malignant or blank: line 2 ('nevus')" in texts(app)


def test_a_run_that_stopped_says_why_and_can_be_resumed(app: AppTest, folder: Path, predictor: Predictor) -> None:
    plan = Plan("ward", "path", (str(folder),), predictor.card, orientations=False, actor="me")
    store = create_run(runs_folder(), plan)
    app.run()
    workers().failures[store.id] = "The results could not be saved: the disk is full."
    batch(app, store)
    assert "the disk is full" in texts(app)
    button(app, "Try again").click().run()
    workers().wait(store.id, 60)
    app.run()
    assert not app.exception
    assert store.progress().complete
    store.engine.dispose()


def test_a_run_of_another_model_is_not_resumed(app: AppTest, folder: Path, predictor: Predictor) -> None:
    weights = predictor.card.files["weights"].model_copy(update={"sha256": "ff" * 32})
    other = predictor.card.model_copy(update={"files": {**predictor.card.files, "weights": weights}})
    store = create_run(runs_folder(), Plan("ward", "path", (str(folder),), other, orientations=False, actor="me"))
    batch(app, store)
    button(app, "Start").click().run()
    workers().wait(store.id, 60)
    app.run()
    assert "which is not the model in use" in texts(app)
    store.engine.dispose()


def test_discarding_asks_first_and_then_deletes_the_run(app: AppTest, run: BatchStore) -> None:
    press(review(batch(app, run)), "batch-verdict-m")
    go(app, "export")
    assert "primary" not in button(app, "Discard the run").proto.type
    button(app, "Discard the run").click().run()
    assert run.folder.exists()
    assert "All results and 1 verdict are deleted. This cannot be undone." in texts(app)
    assert button(app, "Keep the run").proto.type == "primary"
    button(app, "Delete results and verdicts").click().run()
    assert not app.exception
    assert not run.folder.exists()
    assert button(app, "Start")


def test_a_deleted_run_is_reported(app: AppTest, run: BatchStore) -> None:
    run.discard()
    batch(app, run)
    assert "There is no such run" in texts(app)
    button(app, "All runs").click().run()
    assert button(app, "Start")


def test_a_run_deleted_while_it_is_open_saves_no_verdict_and_says_so(app: AppTest, run: BatchStore) -> None:
    review(batch(app, run))
    shutil.rmtree(run.folder)
    press(app, "batch-verdict-m")
    shown = texts(app)
    assert "There is no such run" in shown
    assert "Your last verdict was not saved." in shown
    assert "your own files are not affected" in shown
    button(app, "All runs").click().run()
    assert button(app, "Start")


def test_a_damaged_run_is_reported_and_shown_once_it_is_repaired(app: AppTest, run: BatchStore) -> None:
    good = _changed(run, "stability", "'[0.1, ZZZZ'")
    batch(app, run)
    assert "This run cannot be shown." in texts(app)
    assert [title.value for title in app.title] == ["Batch"]
    assert "the file is damaged. Restore it from a backup." in texts(app)
    _changed(run, "stability", "NULL" if good is None else f"'{good}'")
    button(app, "Try again").click().run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 5


def test_a_damaged_image_leaves_the_others(app: AppTest, run: BatchStore) -> None:
    number = _number(run, "a/1.png")
    _changed(run, "prediction", "'{ZZZZ'", number)
    batch(app, run)
    app.selectbox(key="batch-order").set_value("run").run()
    review(app)
    assert "This image cannot be shown." in texts(app)
    button(app, "Next").click().run()
    assert not app.exception
    assert "This image cannot be shown." not in texts(app)
    assert len(verdict_buttons(app)) == 4


def test_a_damaged_run_is_listed_by_name(app: AppTest, home: Path) -> None:
    damaged = home / "batches" / "20260101-000000-damage"
    damaged.mkdir(parents=True)
    (damaged / "run.sqlite").write_bytes(b"nothing" * 200)
    batch(app)
    shown = texts(app)
    assert "1 run cannot be read." in shown
    assert (
        "20260101-000000-damage: The run could not be opened: the file is damaged or not a SkinLens database." in shown
    )
    assert f"Its folder is in {home / 'batches'}." in shown
    assert "Other runs are not affected." in shown


def test_without_a_model_no_image_can_be_assessed(app: AppTest, no_model: Path) -> None:
    batch(app)
    assert "no image can be assessed" in texts(app)
    assert str(no_model) in texts(app)
    assert [title.value for title in app.title] == ["Batch"]
    assert "Saved runs and verdicts are not affected." in texts(app)


def _number(store: BatchStore, relative: str) -> int:
    return next(line.number for line in store.lines() if line.relative == relative)


def test_the_table_turns_to_the_image_that_was_looked_at(
    app: AppTest, run: BatchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skinlens.ui.batch.results.A_PAGE", 2)
    batch(app, run)
    first = app.dataframe[0].value["Name"].tolist()
    review(app)
    for _ in range(2):
        button(app, "Next").click().run()
    button(app, "Back to the list").click().run()
    assert not app.exception
    table = app.dataframe[0].value
    assert not set(table["Name"]) & set(first)
    assert table[""].tolist() == ["▸", ""]


def test_open_in_triage_keeps_what_is_known_of_the_image(app: AppTest, run: BatchStore) -> None:
    run.add_facts("facts.csv", b"path,case_id,age,sex,site,note,label\na/1.png,P-1,54,Female,left arm,itches,benign\n")
    batch(app, run)
    app.text_input(key="batch-words").set_value("a/1.png").run()
    button(review(app), "Open in Triage").click().run()
    assert not app.exception
    key = run.image(_number(run, "a/1.png")).sha256
    assert app.number_input(key=f"age-{key}").value == 54
    assert app.selectbox(key=f"sex-{key}").value == "female"
    texts_of = {name: app.text_input(key=f"{name}-{key}").value for name in ("id", "more", "note")}
    assert texts_of == {"id": "P-1", "more": "left arm", "note": "itches"}
    # Nothing of the ground truth: the image is to be assessed.
    assert "benign" not in texts_of["note"]


@pytest.fixture(scope="module")
def compared(folder: Path, predictor: Predictor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run with a second model."""
    second = load_predictor("asff_resnet50_paper")
    plan = Plan("ward", "path", (str(folder),), predictor.card, orientations=False, actor="me", second=second.card)
    store = create_run(tmp_path_factory.mktemp("runs"), plan)
    go_through(store, predictor, Lock(), second=(second, Lock()))
    store.engine.dispose()
    return store.folder


class TestTwoModels:
    @pytest.fixture
    def both(self, compared: Path) -> Iterator[BatchStore]:
        store = BatchStore(shutil.copytree(compared, runs_folder() / compared.name))
        yield store
        store.engine.dispose()

    def test_the_table_says_where_the_models_disagree_and_is_filtered_by_it(
        self, app: AppTest, both: BatchStore
    ) -> None:
        batch(app, both)
        card, second = both.card(), both.second_card()
        assert second is not None
        table = entries(both.lines(), card.point(), facts={}, reviews=(), second_point=second.point())
        expected = {each.line.relative: each.models_disagree for each in table}
        words = {None: "", True: "disagree", False: "agree"}
        shown = app.dataframe[0].value
        assert dict(zip(shown["Name"], shown["Models"], strict=True)) == {
            name: words[disagree] for name, disagree in expected.items()
        }
        # A threshold that none or all reach brings the model in use against the other.
        app.toggle(key="batch-disagreeing").set_value(True).run()
        app.segmented_control(key="batch-point").set_value("custom threshold").run()
        listed = 0
        for threshold in (0.0, 1.0):
            app.slider(key="batch-threshold").set_value(threshold).run()
            if app.dataframe:
                assert set(app.dataframe[0].value["Models"]) == {"disagree"}
                listed += len(app.dataframe[0].value)
        assert listed == sum(each.second in {"refer", "low"} for each in table)

    def test_the_second_models_decision_is_named_in_the_review(self, app: AppTest, both: BatchStore) -> None:
        review(batch(app, both))
        assert re.search(r"asff_resnet50_paper: [a-z ]+, 0\.\d\d\.", texts(app))

    def test_a_blind_reader_is_not_told(self, app: AppTest, both: BatchStore) -> None:
        batch(app, both)
        app.toggle(key="batch-blind").set_value(True).run()
        assert set(app.dataframe[0].value["Models"]) == {""}
        assert "asff_resnet50_paper" not in texts(review(app))

    def test_it_can_be_chosen_at_the_start_and_the_time_is_said(self, app: AppTest) -> None:
        batch(app)
        assert "twice as long" not in texts(app)
        app.selectbox(key="batch-second").set_value("asff_resnet50_paper").run()
        assert "With a second model the run takes twice as long." in texts(app)


def _changed(store: BatchStore, column: str, value: str, number: int = 0) -> object:
    """Write a column of an image behind the program's back; return what was there."""
    with store.engine.connect() as connection:
        before = connection.exec_driver_sql(
            f"SELECT {column} FROM {RunImage.__tablename__} WHERE number = {number}"
        ).scalar()
        connection.exec_driver_sql(f"UPDATE {RunImage.__tablename__} SET {column} = {value} WHERE number = {number}")
        connection.commit()
    return before
