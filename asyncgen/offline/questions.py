"""What a user can say: about a passage of the knowledge base, and with one of the recipe's example openers.

All of it is read off the surface of English text ("X is not Y, ..." lets a user assume that X is Y); where the surface
is not plain enough nothing is offered, because a clumsy question is worse than one less.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from asyncgen.offline.library import STOP_WORDS, WORD, Library, Passage, keywords, split_sentences

_MAX_STATEMENT = 85  # characters: nobody asks for confirmation of a longer one
_MIN_ADDED = 60  # characters: an answer that only repeats the statement is none
_CLAUSE = re.compile(r"(?:what|who|how|where|when|why|which|whether)\b", re.IGNORECASE)
_NO_NOUN = re.compile(r"(?:not|no|from|is|are|can|does|do|overview|introduction|summary|notes)\b", re.IGNORECASE)
_NOT_YOURS = re.compile(r"(?:the|an?|other|open|changes|more)\b|.*(?:\b(?:of|from|since|people)\b|\d|[A-Z])")
_STATEMENT = re.compile(r"[\w' +.-]{2,60}? (?:is|are|was|were|has|have|can|does|will|must)\b(?! (?:no|not)\b)[^;:]+")
_WEAK_STARTS = STOP_WORDS - {"a", "an", "the"}
_DENIALS = (
    re.compile(r"(.{2,60}? (?:is|are|was|were|does|do|did|has|have|could|will)) not ((?!only\b).+)"),
    re.compile(r"(.{2,60}? can)not (.+)"),
    re.compile(r"([\w -]{2,40}? (?:has|have|had)) no ((?!longer\b|single\b)[\w -]+)"),
)
_CLAUSE_END = re.compile(r"[,;:.](?:\s|$)| and | because | although | but | or | apart ")

_FOREIGN_HELLO = re.compile(
    r"\W*(?:ahoj|annyeong|bonjour|buen[ao]s|buongiorno|ciao|czesc|guten|habari|hallo|hej|hoi|hola|konnichiwa|merhaba|moin|"
    r"namaste|ni ?hao|ola|privet|salam|salut|servus|shalom|xin chao)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"(?:(?:dude|hello|hey|hi|k|lol|ok|please|so|wow|yo) )*"
    r"(?:who|what|when|where|why|how|which|are|is|do|does|can|could|tell)\b"
)
_ABOUT_YOU = re.compile(r"\b(?:who|what|tell|explain|facts|version)\b.*\b(?:you|u|yourself|your|this)\b")
_OTHER_WORDS = {  # what users say where a text says something else, or means nothing by it
    **dict.fromkeys(("bucks", "dollars", "price", "much"), "cost"),
    **dict.fromkeys(("build", "learned", "trained", "training"), "training stages"),
    **dict.fromkeys(("small", "big", "parameters"), "parameters million"),
    **dict.fromkeys(("laptop", "machine", "copy"), "hardware CPU"),
    **dict.fromkeys(("built", "busy", "day", "minute", "morning", "name", "ready", "started", "talk", "work"), ""),
    "made": "creator created", "behind": "creator", "remember": "memory", "browse": "internet", "speak": "languages",
    "long": "length", "compare": "compared", "difference": "compared", "source": "license source",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Angles:
    """What gets one passage for an answer; empty where the passage does not lend itself to it.

    `bare` is a question by itself, for talks in which the words of `phrases` are of the wrong language. `phrase` goes
    on after "tell me": "about the oven", "how the oven works". `claim` is what the passage says, `mistake` the opposite
    of what it denies, both as they stand in the middle of a sentence.
    """

    bare: str = ""
    phrase: str = ""
    claim: str = ""
    mistake: str = ""


@dataclass(frozen=True, slots=True)
class Opener:
    """`answer`: the passage that answers it, where it is a question that the knowledge base can answer."""

    text: str = ""
    answer: Passage | None = None
    is_foreign: bool = False


class Questions:
    """What can be said about one library. Each opener is read once."""

    def __init__(self, library: Library) -> None:
        self.library = library
        sentences = [sentence for each in library.passages for sentence in split_sentences(each.text)]
        self._names = {word for each in sentences for word in WORD.findall(each)[1:] if word[:1].isupper()}
        self._known = tuple(sorted(STOP_WORDS | _OTHER_WORDS.keys() | library.words.keys()))
        self.angles = tuple(map(self._find_angles, library.passages))
        self.read_opener = lru_cache(1024)(self._read_opener)

    def _find_angles(self, passage: Passage) -> Angles:
        sentence, clause = split_sentences(passage.text)[0], _CLAUSE_END.split(passage.text, maxsplit=1)[0]
        begins = not passage.number or self.library.passages[passage.number - 1].heading != passage.heading
        bare = f"{(passage.heading if begins else '').rstrip('?') or clause}?"
        if not self.library.is_english:
            return Angles(bare)
        claim = sentence.rstrip(".")
        is_claim = _STATEMENT.fullmatch(claim) and len(passage.text) >= len(sentence) + _MIN_ADDED
        denied = next((" ".join(found.groups()) for denial in _DENIALS if (found := denial.fullmatch(clause))), "")
        claim, mistake = (
            ""
            if len(each) > _MAX_STATEMENT or each.partition(" ")[0].casefold() in _WEAK_STARTS
            else self._uncapitalize(each)
            for each in (claim if is_claim else "", denied)
        )
        name, chapter = self.library.name, passage.chapter
        title = chapter if _NO_NOUN.match(passage.heading) else passage.heading
        title = self._uncapitalize(title.rstrip("?.!:").rpartition(": ")[2])
        if name and title and chapter.startswith("Compar") and not _CLAUSE.match(title):
            title = f"how {name} compares with {title}"
        elif title and not _CLAUSE.match(title):
            title = f"about {title}" if not name or _NOT_YOURS.match(title) else f"about your {title}"
        return Angles(bare, title, claim, mistake)

    def _uncapitalize(self, text: str) -> str:
        """The text as it stands in the middle of a sentence: names and abbreviations keep their capitals."""
        first = WORD.match(text)
        if first is None or first[0] in self._names or not (first[0][1:].islower() or len(first[0]) == 1):
            return text
        return text[:1].lower() + text[1:]

    def _read_opener(self, text: str) -> Opener:
        """Its answer is found by a word of a heading, as what it is all about, or by two words of the text."""
        if not self.library.is_english or _FOREIGN_HELLO.match(text):
            return Opener(text, is_foreign=self.library.is_english)
        said = " ".join(_repair(word.casefold(), self._known) for word in WORD.findall(text))
        if not ("?" in text or _ASKS.match(said) or _ABOUT_YOU.search(said)):
            return Opener(text)
        name, passages = self.library.name.casefold(), self.library.passages
        query = " ".join(_OTHER_WORDS.get(word, word) for word in said.split() if word != name)
        ranked, stems = self.library.rank(query), _stems(query)
        section = max(ranked, key=lambda each: len(stems & _stems(each.heading)), default=None)
        if section and stems & _stems(section.heading):
            answer = next((each for each in passages if each.heading == section.heading), None)
        elif _ABOUT_YOU.search(said.replace(name, "you") if name else said):
            starts = f"{self.library.name} is a"
            answer = next((each for each in passages if each.text.startswith(starts)), next(iter(passages), None))
        else:
            answer = next((each for each in ranked if len(stems & _stems(each.text)) >= min(2, len(stems))), None)
        return Opener(text, answer)


@lru_cache(4096)  # openers share their slips, and to look for one takes longer than all else in a conversation
def _repair(word: str, known: tuple[str, ...]) -> str:
    """The known word with the same letters, for the commonest slip, or with nearly the same; else the word."""
    if word in known:
        return word
    swapped = (each for each in known if len(each) == len(word) and sorted(each) == sorted(word))
    return next(swapped, "") or next(iter(get_close_matches(word, known, n=1, cutoff=0.8)), word)


def _stems(text: str) -> set[str]:
    """Beginnings of its words: passages are compared here that the index found by whole stems."""
    return {word[:4] for word in keywords(text)}
