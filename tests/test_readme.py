"""README: its two commands stand at the top, its images are there, and it is short."""

import re
from pathlib import Path

import pytest

from skinlens.triage.wording import DISCLAIMER

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("end", ["streamlit run app.py", "pytest"])
def test_the_two_commands_stand_at_the_top_and_name_real_files(end: str) -> None:
    first_screen = README.splitlines()[:16]
    (command,) = [line for line in first_screen if line.strip().startswith("python3.11") and line.endswith(end)]
    for named in re.findall(r"-r (\S+)", command):
        assert (ROOT / named).is_file()


def test_image_is_there() -> None:
    images = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert images
    for path in images:
        assert (ROOT / path).is_file()


def test_it_says_once_that_this_is_a_research_demonstrator() -> None:
    sentence = DISCLAIMER.partition(":")[0]
    assert README.count(sentence) == 1


def test_it_is_about_a_screen_and_a_half() -> None:
    assert len(README.splitlines()) <= 90
