"""Case facts of a run: what matches nothing, the figures, and how many lines are listed."""

import pytest
from streamlit.testing.v1 import AppTest

from skinlens.batch.store import BatchStore
from skinlens.ui.batch.ground_truth import MOST_LISTED


def draw(folder: str) -> None:
    from skinlens.ui.batch.ground_truth import offer_facts, show_figures, show_unmatched
    from skinlens.ui.batch.results import view
    from skinlens.ui.batch.runs import open_store

    store = open_store(folder)
    shown = view(store)
    show_figures(shown)
    show_unmatched(shown)
    offer_facts(store)


@pytest.fixture
def page(run: BatchStore) -> AppTest:
    return AppTest.from_function(draw, kwargs={"folder": str(run.folder)}, default_timeout=60)


def texts(app: AppTest) -> str:
    kinds = (app.text, app.markdown, app.caption, app.error, app.warning)
    return "\n".join(element.value for kind in kinds for element in kind)


def test_without_facts_or_verdicts_there_are_no_figures(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert not page.expander


def test_labels_give_a_confusion_matrix_that_follows_the_threshold(page: AppTest, run: BatchStore) -> None:
    run.add_facts("facts.csv", b"path,label\na.png,malignant\nb.png,benign\nc.png,benign\n")
    page.run()
    assert [each.label for each in page.expander] == ["Results against ground truth"]
    page.session_state["batch-point"] = "custom threshold"
    page.session_state["batch-threshold"] = 0.0
    page.run()
    matrix = page.dataframe[1].value
    assert matrix.loc["Malignant"].tolist() == [1, 0]
    assert matrix.loc["Benign"].tolist() == [2, 0]


def test_a_blind_reviewer_sees_no_ground_truth(page: AppTest, run: BatchStore) -> None:
    run.add_facts("facts.csv", b"path,label\na.png,malignant\n")
    page.run()
    page.session_state["batch-blind"] = True
    page.run()
    assert not page.expander


def test_verdicts_are_compared_with_the_model(page: AppTest, run: BatchStore) -> None:
    run.review(run.lines()[0].number, "malignant", note="", blind=False, actor="me")
    page.run()
    assert [each.label for each in page.expander] == ["Agreement of reviewer and model"]
    assert "No image has a verdict of benign or malignant that was given blind." in texts(page)


def test_rows_that_match_no_image_are_listed_up_to_a_limit(page: AppTest, run: BatchStore) -> None:
    rows = "".join(f"nowhere-{number}.png,P-1\n" for number in range(MOST_LISTED + 3))
    run.add_facts("facts.csv", f"path,case_id\n{rows}".encode())
    page.run()
    assert "Some rows of the case facts match no image." in texts(page)
    assert f"Line {MOST_LISTED + 1}: nowhere-{MOST_LISTED - 1}.png\nand 3 more" in texts(page)
    assert f"nowhere-{MOST_LISTED}.png" not in texts(page)


def test_an_added_csv_replaces_the_last_and_an_unusable_one_does_not(page: AppTest, run: BatchStore) -> None:
    page.run()
    for content in (b"path,note\na.png,first\n", b"patient\nP-1\n"):
        page.file_uploader[0].set_value(("facts.csv", content, "text/csv")).run()
        next(each for each in page.button if each.label == "Add this CSV").click().run()
    assert "The case facts cannot be used." in texts(page)
    facts = run.facts_file()
    assert facts is not None
    assert facts.content == b"path,note\na.png,first\n"
