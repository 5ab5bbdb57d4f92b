"""Names from outside as people read them: nothing in them controls a terminal or begins a new line."""


def printable(text: str) -> str:
    r"""Write a text as one line that controls nothing: control, invisible and direction characters become escapes.

    Args:
        text: From outside, such as a file's name.

    Example:
        >>> print(printable("a" + chr(27) + "b"))
        a\x1bb
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
