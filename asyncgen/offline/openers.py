"""How an example opener can begin a conversation: as a greeting, a question of its own, or in another language.

The lists are small on purpose. What they do not know counts as a remark, after which any question may follow.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum, auto

from asyncgen.offline.library import STOP_WORDS, WORD, Library, Passage, keywords


class Manner(Enum):
    """GREETING and REMARK leave the subject open; QUESTION asks something the knowledge base answers."""

    GREETING = auto()
    REMARK = auto()
    QUESTION = auto()


@dataclass(frozen=True, slots=True)
class Opener:
    """`answers`: passages that answer it, best first. `hello`: the greeting of its language if it is not English."""

    text: str
    manner: Manner
    answers: tuple[Passage, ...] = ()
    hello: str | None = None


_GREETINGS = frozenset(
    re.findall(
        r"\S+",
        """
afternoon anyone bot bro busy chat day dear dude evening finally first friend going got greetings hallo having
helllo hello helo hey heyy hi hii hiya howdy hwo little meet minute morning name nice ready sup talk talking
there thre time today up welcome what's whats yo
""",
    )
)
_ABOUT_YOU = re.compile(
    r"\b(?:who|what|waht|wat|tell|explain|plese|describe|gimme|introduce)\b.*\b(?:you|u|yourself|yourslef|your|this)\b"
    r"|\bare you a\b|\byou(?:'re| are)\b|\babout (?:you|yourself)\b|\bhow you (?:came|got|were)\b",
    re.IGNORECASE,
)
_WHAT = re.compile(r"\b(?:who|what|waht|wat)\b", re.IGNORECASE)
_CAN_DO = re.compile(r"\b(?:can|do) (?:you|u) do\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\?|^\W*(?:(?:ok|hey|hi|hello|k|so|lol|dude|wow|wait|please|plese)\W+)*"
    r"(?:who|what|whats|waht|wat|when|where|why|how|hwo|which|are|is|do|does|can|could|tell|explain)\b",
    re.IGNORECASE,
)
_SHORT = 3  # letters: a shorter word is too close to too many
_SYNONYMS = {
    "bucks": "cost", "price": "cost", "expensive": "cost", "cheap": "cost", "made": "created creator",
    "build": "training pipeline stages", "built": "trained", "behind": "creator created",
    "learned": "training stages", "training": "training pipeline stages", "trained": "training stages",
    "parameters": "parameters million billion", "small": "parameters million billion",
    "big": "parameters million billion", "dollars": "cost", "laptop": "MacBook CPU", "machine": "hardware node",
    "computer": "hardware", "copy": "hardware", "remember": "memory conversations",
    "browse": "internet browsing", "web": "internet", "story": "released created", "speak": "languages",
    "data": "pretraining data", "tools": "calculator tool", "long": "length", "difference": "compared",
    "weights": "",
}  # fmt: skip
_LANGUAGES = {
    "Hola": "hola buenas buenos que eres quien hablas espanol como estas puedes gracias",
    "Bonjour": "bonjour salut qui es-tu comment ca va quoi francais parlez parles tu merci",
    "Hallo": "hallo wer bist du guten tag was kannst moin servus sprichst deutsch bitte",
    "Ciao": "ciao come stai chi sei cosa puoi buongiorno parli italiano grazie",
    "Ola": "ola tudo bem quem voce oi bom dia fala portugues obrigado",
    "Konnichiwa": "konnichiwa anata wa dare desu ka nani ohayo",
    "Ni hao": "ni hao shi shei nihao shenme",
    "Annyeong": "annyeong haseyo annyeonghaseyo nuguseyo",
    "Namaste": "namaste aap kaun hain kya hai tum kaise ho",
    "Privet": "privet kto ty kak dela zdravstvuy",
    "Merhaba": "merhaba sen kimsin nasilsin selam",
    "Hej": "hej vad kan du vem ar hur mar hvem hva er",
    "Hoi": "hoi hoe werk je wie ben wat hallo kun",
    "Czesc": "czesc kim jestes co potrafisz dzien dobry",
    "Habari": "habari wewe ni nani jambo",
    "Xin chao": "xin chao ban la ai",
    "Salam": "salam shoma ki hastid chetori",
}
_HELLO_BY_WORD: dict[str, set[str]] = {}
for _hello, _words in _LANGUAGES.items():
    for _word in _words.split():
        _HELLO_BY_WORD.setdefault(_word, set()).add(_hello)


def read_opener(text: str, library: Library) -> Opener:
    if not library.is_english:
        return Opener(text, Manner.REMARK)
    if hello := _recognize_language(text, library):
        return Opener(text, Manner.GREETING, hello=hello)
    content = [word for word in _repair(text, library) if word not in _GREETINGS and word != library.name.casefold()]
    is_about_you = _ABOUT_YOU.search(text) or (
        library.name and library.name.casefold() in text.casefold() and _WHAT.search(text)
    )
    if not content and not is_about_you:
        return Opener(text, Manner.GREETING)
    answers = library.abilities if _CAN_DO.search(text) else ()
    if not answers and _ASKS.search(text):
        answers = _find_answers(content, library)
    if not answers and is_about_you:
        answers = library.introduction
    return Opener(text, Manner.QUESTION if answers else Manner.REMARK, answers)


def _recognize_language(text: str, library: Library) -> str | None:
    """The greeting of the language most words belong to, if half of them are neither English nor known here."""
    words = [word.casefold() for word in WORD.findall(text)]
    foreign = [word for word in words if word in _HELLO_BY_WORD]
    english = [word for word in words if word in STOP_WORDS or word in _GREETINGS or word in library.vocabulary]
    if not foreign or len(set(english) - set(foreign)) * 2 >= len(words) or set(foreign) <= set(english):
        return None
    votes = [hello for word in foreign for hello in sorted(_HELLO_BY_WORD[word])]
    return max(votes, key=votes.count)


def _repair(text: str, library: Library) -> list[str]:
    """The words that count, misspelt ones replaced by the closest word the knowledge base has."""
    repaired: list[str] = []
    for word in map(str.casefold, WORD.findall(text.casefold().replace("language model", "model"))):
        if word not in STOP_WORDS and word not in _GREETINGS and len(word) > _SHORT and word not in library.vocabulary:
            repaired.append(_closest(word, [*_SYNONYMS, *library.familiar]))
        else:
            repaired.append(word)
    return [word for word in repaired if word in _SYNONYMS or word not in STOP_WORDS]


def _closest(word: str, known: list[str]) -> str:
    """The known word with the same letters, for the commonest slip, or with nearly the same; else the word."""
    letters = sorted(word)
    swapped = next((each for each in known if len(each) == len(word) and sorted(each) == letters), None)
    return swapped or next(iter(get_close_matches(word, known, n=1, cutoff=0.75)), word)


def _find_answers(content: list[str], library: Library) -> tuple[Passage, ...]:
    """Passages that fit well enough, by a word of the heading or two of the text.

    A section whose heading fits is told from its beginning, where it is most general.
    """
    query = " ".join(_SYNONYMS.get(word, word) for word in content)
    stems = _stems(query)
    ranked = library.rank(query)
    if not ranked:
        return ()
    best = max(ranked, key=lambda each: len(stems & _stems(each.heading)))
    if stems & _stems(best.heading):
        return tuple(sorted((each for each in ranked if each.heading == best.heading), key=lambda each: each.number))
    return tuple(each for each in ranked if len(stems & _stems(each.text)) > 1)


def _stems(text: str) -> set[str]:
    return {word[:5] for word in keywords(text)}
