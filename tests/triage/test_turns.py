"""Who gets the model: one at a time, and whoever waits in person before a run in the background."""

import threading

import pytest

from skinlens.triage import turns as turns_module
from skinlens.triage.turns import ALONE, WITH_COMPANY, Turns


def waiting(turns: Turns, order: list[str], name: str, *, behind: bool) -> threading.Thread:
    def work() -> None:
        with turns.behind if behind else turns:
            assert turns.locked()
            order.append(name)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_person_goes_before_a_run_that_waits_longer() -> None:
    turns = Turns()
    order: list[str] = []
    with turns.behind:
        threads = [waiting(turns, order, "run", behind=True) for _ in range(3)]
        person = waiting(turns, order, "person", behind=False)
        while not turns.is_wanted:
            person.join(0.001)
        assert order == []
    for thread in (*threads, person):
        thread.join(5)
    assert order == ["person", "run", "run", "run"]


def test_one_at_a_time() -> None:
    turns, inside, most = Turns(), [0], [0]

    def work(number: int) -> None:
        for _ in range(200):
            with turns.behind if number % 2 else turns:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == [1]
    assert not turns.locked()


@pytest.mark.parametrize("behind", [False, True])
def test_an_error_gives_it_back(behind: bool) -> None:
    turns = Turns()
    with pytest.raises(RuntimeError), turns.behind if behind else turns:
        raise RuntimeError
    assert not turns.locked()
    with turns:
        pass


def test_work_in_the_background_is_brief_while_a_person_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(turns_module, "monotonic", lambda: now[0])
    turns = Turns()
    assert turns.hold() == ALONE
    with turns.behind:
        assert turns.hold() == ALONE
    with turns:
        assert turns.hold() == WITH_COMPANY
    now[0] += 59
    assert turns.hold() == WITH_COMPANY < ALONE
    now[0] += 2
    assert turns.hold() == ALONE
