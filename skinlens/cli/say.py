"""What the commands tell a person, on standard error, so that results on standard output stay clean."""

import sys


def say(sentence: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"skinlens: {sentence}\n")
    sys.stderr.flush()
