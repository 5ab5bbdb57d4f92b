"""The Batch page in its states: no run, started, complete, reviewed, blind, finished, and every failure."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.batch.schema import RunImage
from skinlens.batch.store import BatchStore, Plan, create_run
from skinlens.cases.store import open_store
from skinlens.imaging.synthetic import encode_png
from skinlens.runtime.predictor import Predictor
from skinlens.ui.batch.runs import runs_folder, workers
from tests.complete_run import make_complete_run
from tests.drawn import familiar_pixels

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


def button(app: AppTest, label: str):
    return next(each for each in app.button if each.label == label)


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_nothing_can_be_started_before_something_is_chosen(app: AppTest) -> None:
    batch(app)
    assert button(app, "Start").disabled
    assert "deleted when you finish or discard the run" in texts(app)
    assert "Runs" not in [each.value for each in app.subheader]


def test_a_path_is_assessed_in_the_background_and_its_results_appear(app: AppTest, folder: Path) -> None:
    batch(app)
    app.segmented_control(key="batch-origin").set_value("Path on this computer").run()
    app.text_input(key="batch-path").set_value(str(folder)).run()
    app.toggle(key="batch-views").set_value(False).run()
    button(app, "Start").click().run()
    assert not app.exception
    workers().wait(app.session_state["batch-run"], 60)
    app.run()
    table = app.dataframe[0].value
    assert sorted(table["Name"]) == ["a/1.png", "a/2.png", "b/1.png", "broken.jpg", "c.png"]
    assert sum(int(value) for value in metrics(app).values()) == 5
    assert metrics(app)["Not readable"] == "1"
    button(app, "Back to all runs").click().run()
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
    assert sorted(app.dataframe[0].value["Name"]) == ["a-1.png", "a-2.png"]
    button(app, "Finish the run").click().run()
    assert not app.exception
    assert not store.spool.exists()
    assert len(store.lines()) == 2
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
    assert ("Skipped, because they are not images: 1." in shown) == bool(name)
    assert not app.dataframe
    assert "Benign" not in [each.label for each in app.button]
    button(app, "Back to all runs").click().run()
    assert "complete, no image could be assessed" in texts(app)
    button(app, "Open").click().run()
    button(app, "Discard the run").click().run()
    assert not app.exception
    assert not list(runs_folder().iterdir())


def test_no_verdict_is_asked_for_on_an_archive_that_cannot_be_opened(app: AppTest, folder: Path) -> None:
    batch(app)
    image = (folder / "c.png").read_bytes()
    app.file_uploader[0].set_value([("ward.zip", b"PK\x03\x04", "application/zip"), ("c.png", image, "image/png")])
    app.run()
    app.toggle(key="batch-views").set_value(False).run()
    button(app, "Start").click().run()
    workers().wait(app.session_state["batch-run"], 60)
    app.run()
    assert button(app, "Benign")
    app.text_input(key="batch-words").set_value("ward.zip").run()
    assert app.dataframe[0].value["Name"].tolist() == ["ward.zip"]
    assert "This zip archive cannot be opened" in texts(app)
    assert "Benign" not in [each.label for each in app.button]


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
    store = create_run(runs_folder(), Plan("ward", "path", (str(folder),), predictor.card, views=False, actor="me"))
    batch(app, store)
    assert "The images are not listed yet." in texts(app)
    assert "Images not listed yet" in [each.proto.text for each in app.get("progress")]
    assert "No image matches the filter." not in texts(app)
    store.engine.dispose()


def test_counts_follow_the_threshold_without_assessing_again(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    before = run.stamp()
    app.segmented_control(key="batch-point").set_value("custom threshold").run()
    app.slider(key="batch-threshold").set_value(0.0).run()
    assert metrics(app)["Above threshold"] == "4"
    app.slider(key="batch-threshold").set_value(1.0).run()
    assert (metrics(app)["Above threshold"], metrics(app)["Below threshold"]) == ("0", "4")
    assert run.stamp() == before


def test_a_run_of_a_model_that_was_not_released_is_marked(app: AppTest, folder: Path, predictor: Predictor) -> None:
    own = predictor.card.model_copy(update={"unverified": True})
    store = create_run(runs_folder(), Plan("ward", "path", (str(folder),), own, views=False, actor="me"))
    batch(app, store)
    assert f"{own.name} (unverified)" in texts(app)
    store.engine.dispose()


def test_the_filter_leaves_what_fits(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    app.multiselect(key="batch-outcomes").set_value(["unreadable"]).run()
    assert app.dataframe[0].value["Name"].tolist() == ["broken.jpg"]
    assert "broken.jpg is not an image that can be opened" in texts(app)
    app.text_input(key="batch-words").set_value("nothing like it").run()
    assert "No image matches the filter." in texts(app)
    assert not app.exception


def test_a_verdict_is_kept_and_the_next_image_comes(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    names = app.dataframe[0].value["Name"].tolist()
    app.text_input(key="batch-reviewer").set_value("Dr A").run()
    app.text_input(key=f"batch-note-{run.id}-{_number(run, names[0])}").set_value("asymmetric").run()
    app.button(key="batch-verdict-malignant").click().run()
    assert not app.exception
    (review,) = run.reviews()
    assert (review.actor, review.verdict, review.note, review.blind) == ("Dr A", "malignant", "asymmetric", False)
    assert review.number == _number(run, names[0])
    assert names[1] in [element.value for element in app.text]
    assert app.dataframe[0].value["Verdict"].tolist()[0] == "malignant"


def test_a_verdict_that_came_in_meanwhile_is_shown_before_another_is_added(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    first = _number(run, app.dataframe[0].value["Name"].tolist()[0])
    button_before = app.button(key="batch-verdict-benign")
    run.review(first, "malignant", note="seen at the other desk", blind=False, actor="B")
    button_before.click().run()
    assert [review.actor for review in run.reviews()][:1] == ["B"]
    assert "seen at the other desk" in texts(app)


def test_blind_mode_hides_the_model_until_the_verdict(app: AppTest, run: BatchStore, predictor: Predictor) -> None:
    batch(app, run)
    app.toggle(key="batch-blind").set_value(True).run()
    table = app.dataframe[0].value
    assert table["Decision"].tolist() == ["hidden", "hidden", "hidden", "Not readable", "hidden"]
    assert table["Estimate" if predictor.card.calibrated else "Score"].isna().all()
    assert not app.metric
    assert len(app.get("image")) == 1
    assert f"threshold {predictor.card.point().threshold:.2f}" not in "\n".join(element.value for element in app.text)
    app.button(key="batch-verdict-benign").click().run()
    assert not app.exception
    assert run.reviews()[0].blind
    assert len(app.get("image")) == 2
    assert app.dataframe[0].value["Decision"].tolist()[0] != "hidden"
    app.toggle(key="batch-blind").set_value(False).run()
    assert "1 verdicts given without knowing the model's result" in texts(app)


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
    assert "Ground truth: of 1 malignant images" in shown
    app.selectbox(key="batch-order-3").set_value("mistakes").run()
    app.text_input(key="batch-words").set_value("a/1.png").run()
    assert "Patient: P-1" in texts(app)
    assert "The same lesion over time" in texts(app)
    assert "2026-05-02" in texts(app)


def test_an_image_goes_into_the_cases_under_its_patient(app: AppTest, run: BatchStore) -> None:
    run.add_facts("facts.csv", FACTS)
    batch(app, run)
    app.text_input(key="batch-words").set_value("a/1.png").run()
    button(app, "Save case").click().run()
    assert not app.exception
    cases = open_store()
    (line,) = cases.search().lines
    assert (line.patient, line.lesion, line.image_name) == ("P-1", "back", "1.png")
    cases.engine.dispose()


def test_without_a_pseudonym_no_case_is_saved(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    assert button(app, "Save case").disabled


def test_without_its_file_an_image_is_reviewed_but_not_taken_along(app: AppTest, run: BatchStore, folder: Path) -> None:
    run.add_facts("facts.csv", FACTS)
    away = folder.rename(folder.with_name("away"))
    try:
        batch(app, run)
        app.text_input(key="batch-words").set_value("a/1.png").run()
    finally:
        away.rename(folder)
    shown = texts(app)
    assert "The image cannot be shown." in shown
    assert f"Expected at {folder / 'a/1.png'}" in shown
    assert button(app, "Save case").disabled
    assert button(app, "Open in Triage").disabled
    assert [each.proto.disabled for each in app.get("download_button") if each.proto.label == "Download PDF"] == [True]
    assert not button(app, "Benign").disabled


def test_unusable_case_facts_are_reported(app: AppTest, run: BatchStore) -> None:
    run.add_facts("facts.csv", b"path,label\na/1.png,nevus\n")
    batch(app, run)
    assert "a label other than benign, malignant or blank: line 2 ('nevus')" in texts(app)


def test_a_run_that_stopped_says_why_and_can_be_resumed(app: AppTest, folder: Path, predictor: Predictor) -> None:
    plan = Plan("ward", "path", (str(folder),), predictor.card, views=False, actor="me")
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
    store = create_run(runs_folder(), Plan("ward", "path", (str(folder),), other, views=False, actor="me"))
    batch(app, store)
    button(app, "Start").click().run()
    workers().wait(store.id, 60)
    app.run()
    assert "which is not the model in use" in texts(app)
    store.engine.dispose()


def test_discarding_deletes_the_run_and_shows_the_others(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    button(app, "Discard the run").click().run()
    assert not app.exception
    assert not run.folder.exists()
    assert button(app, "Start")


def test_a_deleted_run_is_reported(app: AppTest, run: BatchStore) -> None:
    run.discard()
    batch(app, run)
    assert "There is no such run" in texts(app)
    button(app, "Back to all runs").click().run()
    assert button(app, "Start")


def test_a_run_deleted_while_it_is_open_saves_no_verdict_and_says_so(app: AppTest, run: BatchStore) -> None:
    batch(app, run)
    shutil.rmtree(run.folder)
    app.button(key="batch-verdict-malignant").click().run()
    assert not app.exception
    shown = texts(app)
    assert "There is no such run" in shown
    assert "Your last verdict was not saved." in shown
    assert "your own files are not affected" in shown
    button(app, "Back to all runs").click().run()
    assert button(app, "Start")


def test_a_damaged_run_is_reported_and_shown_once_it_is_repaired(app: AppTest, run: BatchStore) -> None:
    good = _changed(run, "stability", "'[0.1, ZZZZ'")
    batch(app, run)
    assert "This run cannot be shown." in texts(app)
    assert "the file is damaged. Restore it from a backup." in texts(app)
    _changed(run, "stability", "NULL" if good is None else f"'{good}'")
    button(app, "Try again").click().run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 5


def test_a_damaged_image_leaves_the_others(app: AppTest, run: BatchStore) -> None:
    number = _number(run, "a/1.png")
    _changed(run, "prediction", "'{ZZZZ'", number)
    batch(app, run)
    app.selectbox(key="batch-order-2").set_value("run").run()
    assert not app.exception
    assert "This image cannot be shown." in texts(app)
    button(app, "Next").click().run()
    assert not app.exception
    assert "This image cannot be shown." not in texts(app)
    assert button(app, "Benign")


def test_a_damaged_run_is_listed_by_name(app: AppTest, home: Path) -> None:
    damaged = home / "batches" / "20260101-000000-damage"
    damaged.mkdir(parents=True)
    (damaged / "run.sqlite").write_bytes(b"nothing" * 200)
    batch(app)
    shown = texts(app)
    assert "A run cannot be read." in shown
    assert (
        "20260101-000000-damage: The run could not be opened: the file is damaged or not a SkinLens database." in shown
    )
    assert f"its folder is in {home / 'batches'}" in shown
    assert "Other runs are not affected." in shown


def test_without_a_model_no_image_can_be_assessed(app: AppTest, no_model: Path) -> None:
    batch(app)
    assert "no image can be assessed" in texts(app)
    assert str(no_model) in texts(app)
    assert "Saved runs and verdicts are not affected." in texts(app)


def _number(store: BatchStore, relative: str) -> int:
    return next(line.number for line in store.lines() if line.relative == relative)


def test_the_table_turns_to_the_image_that_is_looked_at(
    app: AppTest, run: BatchStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skinlens.ui.batch.results.A_PAGE", 2)
    batch(app, run)
    first = app.dataframe[0].value["Name"].tolist()
    for _ in range(2):
        button(app, "Next").click().run()
    assert not app.exception
    table = app.dataframe[0].value
    assert not set(table["Name"]) & set(first)
    assert table[""].tolist() == ["▸", ""]


def _changed(store: BatchStore, column: str, value: str, number: int = 0) -> object:
    """Write a column of an image behind the program's back; return what was there."""
    with store.engine.connect() as connection:
        before = connection.exec_driver_sql(
            f"SELECT {column} FROM {RunImage.__tablename__} WHERE number = {number}"
        ).scalar()
        connection.exec_driver_sql(f"UPDATE {RunImage.__tablename__} SET {column} = {value} WHERE number = {number}")
        connection.commit()
    return before
