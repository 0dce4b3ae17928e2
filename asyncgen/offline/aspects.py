"""What a question can name in a passage: its heading, its subject, a claim it makes, a mistake it corrects.

All of it is read off the surface of English sentences ("X is not Y, ..." lets a user assume that X is Y); where the
surface is not plain enough nothing is offered, because a clumsy question is worse than one less.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from asyncgen.offline.library import WORD, Library, Passage, split_sentences


class Kind(Enum):
    """How a heading fits into a question: tell me about NOUN, do you know CLAUSE, POLAR?, and two rarer shapes."""

    NOUN = auto()
    CLAUSE = auto()
    POLAR = auto()
    COMPARED = auto()
    ABSENCE = auto()


@dataclass(frozen=True, slots=True)
class Aspect:
    """`plain` names it in the third person, `addressed` as said to the assistant, when that is who it is about."""

    kind: Kind
    plain: str
    addressed: str

    @property
    def own(self) -> str:
        """As the assistant itself names it."""
        return f"my {self.addressed.removeprefix('your ')}" if self.addressed.startswith("your ") else self.plain


@dataclass(frozen=True, slots=True)
class Angles:
    """Everything a user can say to get one passage; a field is None where the passage does not lend itself to it."""

    heading: Aspect | None
    subject: Aspect | None
    claim: str | None
    mistake: str | None


_MAX_CLAIM = 85  # characters: nobody asks for confirmation of a longer statement
_MIN_ADDED = 60  # characters: an answer that only repeats the statement is none
_MAX_YOURS = 3  # words
_NOT_YOURS = re.compile(r"^(?:other|changes|from|open)\b|\b(?:of|since|from|to|laws|people)\b|\d")
_CLAUSE_WORDS = frozenset({"what", "who", "how", "where", "when", "why", "which", "whether"})
_POLAR_WORDS = frozenset({"is", "are", "can", "does", "do", "was", "will", "has", "should"})
_BARE_HEADINGS = frozenset({"overview", "introduction", "summary", "general", "notes", "misc", "background", "basics"})
_VERBS = (
    "is|are|was|were|has|have|had|does|do|did|can|cannot|could|will|may|must|uses|took|takes|means|measures|sets|"
    "needs|adds|applies|works|comes|came|targets|ran|ranks|keeps|holds|covers|starts|picks|computes|stores|turns|"
    "trains|gets|raised|improved|reached|learns|learned|widens|normalizes|derives|makes|belongs|opens|closes|offers|"
    "goes|falls|averages|thanks|lets|differs|gives|acts"
)
_SUBJECT = re.compile(rf"^((?:[\w'+-]+(?:\.\w+)?,? ){{0,6}}?[\w'+-]+) (?:{_VERBS})\b(?! by )")
_WEAK_START = re.compile(
    r"^(?:it|its|he|she|they|we|i|you|this|that|these|those|there|when|whether|until|since|by|at|in|on|for|to|with|"
    r"over|of|from|if|as|what|who|how|most|anyone|other|each|both|all|some|such|\d+|"
    r"the (?:project|author|method|result|idea)s?)\b",
    re.IGNORECASE,
)
_NOT = re.compile(r"^(.{2,60}? (?:is|are|was|were|does|do|did|has|have|can|could|will|may)) not ((?!only\b).+)$")
_CANNOT = re.compile(r"^(.{2,60}?) cannot (.+)$")
_HAS_NO = re.compile(
    r"^([\w -]{2,40}? (?:has|have|had)) no "
    r"((?!longer\b)[\w-]+(?: access| memory| support)?(?: (?:between|of|for) .+)?)$"
)
_RATHER_THAN = re.compile(r"^([^,]{2,60}? (?:is|are|was|were)(?: made| meant)?) [^,]+, not (.+)$")
_CLAUSE_END = re.compile(r"[,;:.](?:\s|$)| and | because | although | but | or | apart ")
_STATEMENT_END = re.compile(r"[;:.](?:\s|$)")
_AGREES = re.compile(r"\b(?:it|its|itself|has|does|his|her)\b|\b(?:is|was) |\b(?:and|but|that|so) [a-z]+s\b")
_THIRD_PERSON = re.compile(r"(?<=ch)es$|(?<=sh)es$|(?<=ss)es$|(?<=[^s])s$")
_AGREEMENT = {"is": "are", "was": "were", "has": "have", "does": "do", "goes": "go"}


def find_angles(passage: Passage, library: Library) -> Angles:
    first = split_sentences(passage.text)[0]
    return Angles(
        heading=_read_heading(passage, library),
        subject=_find_subject(first, library),
        claim=_find_claim(first, library) if len(passage.text) >= len(first) + _MIN_ADDED else None,
        mistake=_find_mistake(passage.text, library),
    )


def _read_heading(passage: Passage, library: Library) -> Aspect | None:
    title = passage.heading
    if title.casefold() in _BARE_HEADINGS or title.startswith("Not "):
        title = passage.chapter
    title = title.rstrip("?.!:").rpartition(": ")[2].strip()
    return _read_title(title, passage.chapter, library) if title else None


def _read_title(title: str, chapter: str, library: Library) -> Aspect:
    first = title.partition(" ")[0].casefold()
    lowered = f"{first}{title[len(first) :]}"
    if first in _CLAUSE_WORDS:
        addressed = lowered if _AGREES.search(lowered) else _address(lowered, library.name)
        return Aspect(Kind.CLAUSE, lowered, addressed)
    if first in _POLAR_WORDS:
        return Aspect(Kind.POLAR, lowered, _address_polar(lowered, library.name))
    if first in {"no", "compared"}:
        return Aspect(Kind.ABSENCE if first == "no" else Kind.COMPARED, lowered, lowered)
    plain = _uncapitalize(title, library)
    if chapter.casefold().startswith("compar"):
        return Aspect(Kind.COMPARED, f"compared with {plain}", f"compared with {plain}")
    if first == "from":
        plain = f"the way {lowered}"
    elif plain[:1].islower() and " of " in plain and first not in {"the", "a", "an"}:
        plain = f"the {plain}"
    return Aspect(Kind.NOUN, plain, _as_yours(plain, library))


def _uncapitalize(text: str, library: Library) -> str:
    """The text as it stands in the middle of a sentence: names and abbreviations keep their capitals."""
    first = WORD.match(text)
    if first is None or first[0] in library.proper_nouns or not (first[0][1:].islower() or len(first[0]) == 1):
        return text
    return text[:1].lower() + text[1:]


def _as_yours(plain: str, library: Library) -> str:
    """With "your" where the noun is plainly a part of who is asked: "license and source", "the tokenizer"."""
    if not library.name or library.name in plain:
        return plain
    first, _, rest = plain.partition(" ")
    is_simple = plain.islower() and len(plain.split()) <= _MAX_YOURS and not _NOT_YOURS.search(plain)
    if first == "the":
        return f"your {rest}" if is_simple else plain
    return f"your {plain}" if is_simple else plain


def _address(clause: str, name: str) -> str:
    """The clause said to the one it is about: "what NAME is" becomes "what you are"."""
    if not name:
        return clause

    def agree(match: re.Match[str]) -> str:
        verb = match[1]
        return "you" if verb is None else f"you {_AGREEMENT.get(verb) or _THIRD_PERSON.sub('', verb)}"

    return re.sub(rf"\b{re.escape(name)}\b(?: (\w+))?", agree, clause)


def _address_polar(question: str, name: str) -> str:
    verb, _, rest = question.partition(" ")
    if name and rest.startswith(f"{name} "):
        return f"{_AGREEMENT.get(verb, verb)} you{rest.removeprefix(name)}"
    return question


def _find_subject(sentence: str, library: Library) -> Aspect | None:
    found = _SUBJECT.match(sentence)
    if found is None or _WEAK_START.match(found[1]) or "," in found[1]:
        return None
    subject = re.sub(rf" (?:of|in|with) (?:a )?{re.escape(library.name)}$", "", found[1]) if library.name else found[1]
    if library.name and subject.startswith(library.name):
        return None
    plain = _uncapitalize(subject, library)
    return Aspect(Kind.NOUN, plain, plain)


def _find_claim(sentence: str, library: Library) -> str | None:
    claim = sentence.rstrip(".")
    if len(claim) > _MAX_CLAIM or sentence[-1:] != "." or re.search(r"[;:]", claim) or _WEAK_START.match(claim):
        return None
    if _SUBJECT.match(claim) is None and not claim.startswith(f"{library.name} "):
        return None
    return _say_to(claim, library)


def _find_mistake(text: str, library: Library) -> str | None:
    """The opposite of what the passage's first clause denies."""
    clause = _CLAUSE_END.split(text, maxsplit=1)[0]
    statement = _STATEMENT_END.split(text, maxsplit=1)[0]
    if len(clause) > _MAX_CLAIM or _WEAK_START.match(clause):
        return None
    if found := _NOT.match(clause):
        mistake = f"{found[1]} {found[2]}"
    elif found := _CANNOT.match(clause):
        mistake = f"{found[1]} can {found[2]}"
    elif (found := _HAS_NO.match(clause)) or (found := _RATHER_THAN.match(statement)):
        mistake = f"{found[1]} {found[2]}"
    else:
        return None
    return _say_to(mistake, library)


def _say_to(statement: str, library: Library) -> str:
    """The statement in the middle of a sentence, with "you are" for "NAME is" unless more would have to agree."""
    _, _, rest = statement.partition(" ")
    if library.name and statement.startswith(f"{library.name} ") and not _AGREES.search(rest.partition(" ")[2]):
        return _address(statement, library.name)
    return _uncapitalize(statement, library)
