"""What was probably meant by a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What is nearly the word; no case, dash or underscore makes a difference."""
    by_word = {each.strip("-").lower(): each for each in known}
    close = get_close_matches(word.strip("-").lower().replace("_", "-"), by_word, n=1)
    return by_word[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for what is nearly one of these, nothing for any other."""
    close = nearest(word, known)
    return f"; did you mean {close}?" if close else ""
