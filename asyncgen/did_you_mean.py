"""What was probably meant by a word that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

FEWEST_LETTERS = 3  # of a beginning that may stand for a whole word


def nearest(word: str, known: Iterable[str]) -> str | None:
    """What is nearly the word, or what alone begins with it; no case, dash or underscore makes a difference.

    Of two that are the same then, as `help` and `--help`, it is the first one.
    """
    by_word: dict[str, str] = {}
    for each in known:
        by_word.setdefault(each.strip("-").lower(), each)
    plain = word.strip("-").lower().replace("_", "-")
    longer = [each for each in by_word if each.startswith(plain)] if len(plain) >= FEWEST_LETTERS else []
    close = longer if len(longer) == 1 else get_close_matches(plain, by_word, n=1)
    return by_word[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for what is nearly one of these, nothing for any other."""
    close = nearest(word, known)
    return f"; did you mean {close}?" if close else ""
