"""Write for a person: names from outside never control the terminal.

A file name may hold escape sequences that move the cursor or change the title, characters that change the writing
direction, or line breaks. All that a command writes passes `printable`, or `json_text`, which any JSON reader undoes.
"""

import json
import logging
import sys
import traceback
from types import TracebackType

from skinlens.storage.printable import printable


def say(sentence: str) -> None:
    """Write one line to standard error, so that results on standard output stay clean.

    Args:
        sentence: Its further lines are indented, so that a name with a line break cannot pass for a sentence of ours.
    """
    first, *rest = _lines(sentence)
    sys.stderr.write(f"skinlens: {first}\n" + "".join(f"    {line}\n" for line in rest))
    sys.stderr.flush()


class LogToTerminal(logging.Handler):
    """Say what a logger is told, while this is entered: studies and training log what a person waits for.

    Args:
        logger: Of the package; its level is INFO meanwhile, and only this handler gets its messages: a library that
            configures logging for the whole program would print each once more.
    """

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self._logger = logger
        self._level = logger.level
        self._propagates = logger.propagate

    def __enter__(self) -> "LogToTerminal":
        self._level = self._logger.level
        self._propagates = self._logger.propagate
        self._logger.setLevel(logging.INFO)
        self._logger.propagate = False
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagates
        self._logger.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        """Say one message, without its traceback."""
        say(record.getMessage())


def print_text(text: str) -> None:
    """Write text to standard output.

    Args:
        text: Of one or more lines; nothing in it controls the terminal.
    """
    sys.stdout.write("\n".join(_lines(text)) + "\n")


def json_text(value: object, *, indent: int | None = None) -> str:
    r"""Write a value as JSON in which every character that is not printable stands as `\u` and its number.

    Args:
        value: Anything that JSON holds.
        indent: As for `json.dumps`.

    Returns:
        Text that reads back as the value was.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # The only line breaks left are those between entries.
    return "".join(each if each.isprintable() or each == "\n" else json.dumps(each)[1:-1] for each in text)


def show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """`sys.excepthook` for a defect: the whole traceback, with any name in it made printable."""
    sys.stderr.write("\n".join(_lines("".join(traceback.format_exception(kind, error, trace)))) + "\n")


def _lines(text: str) -> list[str]:
    return [printable(line) for line in text.rstrip("\n").split("\n")]
