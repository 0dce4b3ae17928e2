"""What language a document is in, by its longest paragraphs: headings, tables and lists of names tell too little."""

from collections import Counter

from asyncgen.audit.lints.wrong_language import ALIKE, Guess
from asyncgen.audit.reading.facts import without_code
from asyncgen.audit.reading.language import tell_language
from asyncgen.audit.reading.letters import find_by_letters
from asyncgen.audit.reading.words import split_words

_PARAGRAPHS = 5
_LONGEST = 2000  # characters of a paragraph
_ANYWHERE = frozenset({b"a", b"i"})  # words of English that half of Europe has
_SURE = 0.5  # probability


def find_spoken(text: str, guess: Guess | None = None) -> str | None:
    """Its code; None where it cannot be told. `guess`: None without the library, which knows some 170 of them."""
    spoken: Counter[str | None] = Counter()
    for paragraph in sorted(without_code(text).split("\n\n"), key=len)[-_PARAGRAPHS:]:
        speech = " ".join(paragraph[:_LONGEST].split())
        guesses = guess(speech) if guess and speech else []
        sure = next((ALIKE.get(code, code) for code, score in guesses[:1] if score >= _SURE), None)
        words = [each for each in split_words(speech) if each not in _ANYWHERE]
        spoken[sure or find_by_letters(speech) or tell_language(words)] += len(speech)
    return spoken.most_common(1)[0][0]
