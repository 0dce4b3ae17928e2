"""Untrusted text made safe for a terminal: nothing in it moves a cursor, changes a colour or turns the direction."""


def one_line(text: str) -> str:
    """The text as a single line, with "?" for every character that cannot be printed."""
    return "".join(character if character.isprintable() else "?" for character in text)


def printable(text: str) -> str:
    """The same, with its line breaks and tabs kept."""
    return "".join(character if character in "\n\t" else one_line(character) for character in text)
