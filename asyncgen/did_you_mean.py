"""What was probably meant by a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for what is nearly one of these, nothing for any other."""
    by_word = {each.strip("-").lower(): each for each in known}
    close = get_close_matches(word.strip("-").lower().replace("_", "-"), by_word, n=1)
    return f"; did you mean {by_word[close[0]]}?" if close else ""
