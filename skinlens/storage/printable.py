"""Names from outside as people read them: nothing in them controls a terminal or begins a new line."""


def printable(text: str) -> str:
    r"""One line in which control, invisible and direction characters are written as escapes such as `\x1b`."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
