"""Openers: whether the first message of the user has the style of the examples that its scenario shows.

A style is what can be seen of a text: a greeting, a name, capitals and exclamation marks, carelessness, another
language, a question. What a group of examples asks for is what nearly all of them have in common, read from the recipe
itself; a group whose examples have nothing in common asks for nothing. Content, tone and wit are not judged.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from asyncgen.audit.rules import Finding, Subject, excerpt
from asyncgen.recipe.recipe import Dimension, Group

_OPENERS = re.compile(r"opener|opening|greeting|first_?message", re.IGNORECASE)

# ---- what can be seen of a text

_ENOUGH_LETTERS = 6  # fewer tell no style
_SHOUTING = 0.6  # share of capitals
_LONG_GREETING = 4  # words
_FOREIGN_SHARE = 0.25
_FOREIGN_WORDS = 2
_ENGLISH_SHARE = 0.2
_ENGLISH_WORDS = 2
_FIRST_WORDS = 12
_FIRST_FEW = 3  # words, among which a greeting stands
_GREETING = frozenset(
    re.findall(r"\S+", "hi hiya hello hey heya howdy yo sup greetings good morning afternoon evening day there")
)
# Words that are frequent in openers of a language, in Latin letters, and are no English ones.
_FOREIGN = frozenset(
    re.findall(
        r"\S+",
        """
hola eres quien estas puedes hablas espanol buenas buenos dias gracias como esta usted bonjour salut est vous etes
peux parles francais merci hallo wer bist wie kannst ich und nicht guten danke ciao sei chi cosa puoi parli
grazie buongiorno ola tudo bem voce quem obrigado konnichiwa anata dare desu nani hao shei shenme annyeong haseyo
namaste aap kaun hain kya privet kto ty chto merhaba sen kimsin nasilsin hej kan hur hvad hvem hoi hoe jij bent
czesc jestes habari wewe xin chao salam shoma hasti hastid apa kabar siapa que qui tu es
como cuanto cuesta cuando donde porque una para muy eso el los las une des pour avec dans combien est-ce c'est je sont
avez moi toi ist sind der das ein eine mich dich dir viel bitte warum het een voor waar jou dat ik ben kak skolko
pochemu gde mne tebya il sono quanto perche della muito obrigada isso uma och jag inte och ikke jeg nie czy
""",
    )
)
# Words that hardly another language in Latin letters shares.
_ENGLISH = frozenset(
    re.findall(
        r"\S+",
        """
the of and is are was were be been being it its it's this that these those what what's how why which who whose when
where you you're your yours they their them there does did doing have has had having can could would should will might
may i'd i'm i've my with from about into for because if than please tell explain describe behind every some any much
many know like does doesn't don't isn't aren't
""",
    )
)
_FREQUENT = _ENGLISH | frozenset(
    re.findall(
        r"\S+",
        """
hello hey hi good morning evening afternoon greetings thanks thank yes not just really only also something anything
everything someone question questions quick help explain answer talk talking chat speak say said hear heard meet more
most other another first last next time times day today yesterday tomorrow work works working made make makes build
built train trained training learn learned learning model models language data cost costs money price different
difference between yourself myself exactly possible able want wanted wonder wondering think remember understand
compare compared better best small little large big long short open source free new old right wrong true friend people
person world computer machine program code write read run running use used using need start started begin stop take
give show find look looking see come came get got going been curious interested interesting amazing awesome cool great
nice sorry
""",
    )
)
_ASKING = frozenset(
    re.findall(
        r"\S+",
        """
what what's whats how why which who who's whose when where whether if tell explain describe show give list compare
summarize summarise introduce define help wonder wondering curious know question questions
""",
    )
)
_ASKS_YOU = re.compile(
    r"\b(?:are|is|do|does|did|can|could|would|will|should|may) (?:you|u|i|we|it|they|there|anyone|your)\b",
    re.IGNORECASE,
)
_NOT_LATIN = 0x250  # the first code point behind the Latin letters
_TOKEN = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class _Style:
    """What can be told of a text at a glance."""

    tokens: tuple[str, ...]
    words: tuple[str, ...]  # in lower case
    starts_high: bool
    starts_low: bool
    has_capitals: bool
    shouts: bool
    exclamations: int
    ends_properly: bool
    foreign: int  # of the first words
    english: int

    @property
    def loud_words(self) -> Iterator[str]:
        return (token for token in self.tokens if len(token) > 2 and token.isupper() and token.isalpha())  # noqa: PLR2004

    @property
    def greets(self) -> bool:
        return bool(self.words) and self.words[0] in _GREETING

    @property
    def only_greets(self) -> bool:
        return 0 < len(self.words) <= _LONG_GREETING and _GREETING.issuperset(self.words)

    @property
    def is_foreign(self) -> bool:
        share = _FOREIGN_SHARE * min(len(self.words), _FIRST_WORDS)
        return self.foreign >= max(_FOREIGN_WORDS, share, self.english)

    @property
    def is_english(self) -> bool:
        """For sure; a few words, and names alone, are in no language."""
        return self.english >= max(_ENGLISH_WORDS, _ENGLISH_SHARE * min(len(self.words), _FIRST_WORDS))

    @property
    def is_proper(self) -> bool:
        return self.ends_properly and (self.starts_high or self.tokens[:1] == ("I",))

    @property
    def is_careless(self) -> bool:
        return self.starts_low and not self.has_capitals and not self.ends_properly


def _read_style(text: str) -> _Style:
    tokens = tuple(_TOKEN.findall(text))
    words = tuple(map(str.lower, tokens))
    letter = next(filter(str.isalpha, text), "")
    capitals = sum(map(str.isupper, text))
    is_name = bool(tokens) and (tokens[0] == "I" or not tokens[0].isalpha() or not tokens[0][1:].islower())
    first = words[:_FIRST_WORDS]
    return _Style(
        tokens=tokens,
        words=words,
        starts_high=letter.isupper() and not is_name,
        starts_low=letter.islower(),
        has_capitals=capitals > 0,
        shouts=capitals >= _SHOUTING * max(_ENOUGH_LETTERS, sum(map(str.isalpha, text))) if capitals else False,
        exclamations=text.count("!"),
        ends_properly=text.rstrip().endswith((".", "?", "!")),
        foreign=sum(word in _FOREIGN or ord(word[0]) >= _NOT_LATIN for word in first),
        english=sum(map(_ENGLISH.__contains__, first)),
    )


_read_example = lru_cache(maxsize=4096)(_read_style)  # the same few come again and again, openers do not


# ---- what clashes with all examples shown

_LONGER = (3, 25)  # times the longest example, and words more: a greeting may go on with the topic
_CASUAL = 3  # words
_PROPER = 4  # words
_EXCLAIMING = 3  # exclamation marks


def find_clash(text: str, examples: Iterable[str]) -> str | None:
    """In what an opener is unlike all examples; None when there is nothing that can be told for sure.

    - It is in another language than English, or mostly in capitals, or full of exclamation marks, or nothing but a
      greeting, and no example is anything like that.
    - It begins with a capital and ends with a mark, and no example has a capital; or it has neither capital nor mark,
      and every example begins with a capital and ends with a mark.
    - It has more than three times the words of the longest example, and 25 more.
    """
    return _find_clash(_read_style(text), [_read_example(example) for example in examples])


def _find_clash(style: _Style, shown: Sequence[_Style]) -> str | None:
    if not shown or not style.words:
        return None
    times, more = _LONGER
    count = len(style.words)
    is_english = not any(each.foreign for each in shown)
    is_calm = not any(each.shouts or any(each.loud_words) for each in shown)
    is_casual = style.is_careless and count >= _CASUAL
    is_proper = style.starts_high and style.ends_properly and count >= _PROPER
    clashes = {
        "not in English": is_english and style.is_foreign,
        "in capitals": style.shouts and is_calm,
        "exclaiming": style.exclamations >= _EXCLAIMING and is_calm and not any(each.exclamations for each in shown),
        "only a greeting": is_english and style.only_greets and not any(each.greets for each in shown),
        "with capitals": is_proper and not any(each.has_capitals for each in shown),
        "without capitals": is_casual and all(each.starts_high and each.ends_properly for each in shown),
        "long": count > times * max(len(each.words) for each in shown) + more,
    }
    return next((name for name, clash in clashes.items() if clash), None)


# ---- what a group of examples asks for

_ALIKE = 0.9  # share of a group's examples that have in common what the group asks for
_ENOUGH_EXAMPLES = 5
_SPOKEN = 0.5  # share of a dimension's values that are speech and no description of it
_FEW_WORDS = 3  # fewer can be anything
_SHORT = 3  # letters: a word that short is in many texts, and no slip can be told in a shorter one
_SPEAKING = frozenset({"i", "me", "my", "you", "your", "u", "yourself", "we", "i'm", "you're"})
_FLAVOURS = frozenset({"greets", "loud", "foreign", "casual"})
_MANNERS = frozenset({"asks", "proper"})
_EXCUSES = {  # marks that excuse a clash with the examples where a group of theirs asks for them; else any but casual
    "not in English": frozenset({"foreign"}),
    "in capitals": frozenset({"loud"}),
    "exclaiming": frozenset({"loud"}),
    "only a greeting": frozenset({"greets", "loud"}),
    "long": frozenset[str](),
}


@dataclass(frozen=True, slots=True)
class _Group:
    """What nearly all examples of a group have in common. `marks`: any of them will do; `manners`: none may lack."""

    marks: frozenset[str] = frozenset()
    manners: frozenset[str] = frozenset()


_ANYTHING = _Group()


class _Reader:
    """Reads the marks of a text, knowing the words that the recipe has elsewhere."""

    def __init__(self, texts: Iterable[str]) -> None:
        tokens = {token for text in texts for token in _TOKEN.findall(text)}
        self._abbreviations = frozenset(token for token in tokens if token.isupper())
        self._known = _FREQUENT | {token.lower() for token in tokens}
        self._shortened = {
            word[:place] + word[place + 1 :]
            for word in self._known
            if len(word) > _SHORT
            for place in range(len(word) - 1)
        }

    def read_marks(self, text: str, style: _Style) -> frozenset[str]:
        """Flavours, manners, and every word with a colon before it."""
        marks = [f":{word}" for word in style.words]
        if not _GREETING.isdisjoint(style.words[:_FIRST_FEW]):
            marks.append("greets")
        if style.exclamations or style.shouts or any(word not in self._abbreviations for word in style.loud_words):
            marks.append("loud")
        if style.foreign:
            marks.append("foreign")
        if style.starts_low:
            marks.append("casual")
        if "?" in text or not _ASKING.isdisjoint(style.words) or _ASKS_YOU.search(text):
            marks.append("asks")
        if style.is_proper:
            marks.append("proper")
        return frozenset(marks)

    def has_slip(self, style: _Style) -> bool:
        return any(word not in self._known and self._is_slip(word) for word in style.words)

    def _is_slip(self, word: str) -> bool:
        """Whether it is a known word with two letters swapped, one letter left out, or one doubled."""
        if len(word) < _SHORT or not (word.isascii() and word.isalpha()):
            return False
        swapped = (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1))
        single = (word[:at] + word[at + 1 :] for at in range(len(word) - 1) if word[at] == word[at + 1])
        return word in self._shortened or any(each in self._known for each in (*swapped, *single))


def _read_group(group: Group, reader: _Reader) -> _Group:
    if len(group.values) < _ENOUGH_EXAMPLES:
        return _ANYTHING
    counts = Counter(mark for value in group.values for mark in reader.read_marks(value, _read_example(value)))
    common = frozenset(mark for mark, count in counts.items() if count >= _ALIKE * len(group.values))
    return _Group(frozenset(filter(_tells, common)), common & _MANNERS)


def _tells(mark: str) -> bool:
    """Whether a group can ask for it: a flavour, or a word that is not in texts of any kind."""
    word = mark.removeprefix(":")
    return mark in _FLAVOURS or (
        word != mark and len(word) > _SHORT and word not in _FREQUENT and word not in _GREETING
    )


def _are_openers(dimension: Dimension) -> bool:
    """Whether its name says so and its values are speech: "a short greeting" and "asks for a price" describe it."""
    if dimension.pick is None or not _OPENERS.search(dimension.name):
        return False
    styles = [(value, _read_style(value)) for group in dimension.groups for value in group.values]
    spoken = sum(
        "?" in value or "!" in value or style.greets or not _SPEAKING.isdisjoint(style.words) for value, style in styles
    )
    return spoken >= _SPOKEN * len(styles)


class OpenerCheck:
    """`opener-style`: the first message clashes with every example shown, or has what none of their groups asks for.

    Only for a pick that holds openers, greetings or first messages. What a group asks for is looked at in English
    alone, because plain speech of another language cannot be told from a greeting in it.
    """

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        openers = [each for each in dimensions if _are_openers(each)]
        others = [
            value for each in dimensions if each not in openers for group in each.groups for value in group.values
        ]
        self._names = [each.name for each in openers]
        self._reader = _Reader(others)
        self._groups: Mapping[tuple[str, str], _Group] = {
            (each.name, group.name): _read_group(group, self._reader) for each in openers for group in each.groups
        }

    def __call__(self, subject: Subject) -> Iterator[Finding]:
        record, scenario = subject.record, subject.scenario or {}
        drawn = [(name, *each) for name in self._names for each in scenario.get(name, ())]
        opener = next(
            ((place, each.content) for place, each in enumerate(record.conversation) if each.role == "user"), None
        )
        if drawn and opener is not None and (clash := self._find_clash(opener[1], drawn)):
            yield Finding("opener-style", record.number, opener[0], excerpt(f"{clash}: {opener[1]}"))

    def _find_clash(self, text: str, drawn: Sequence[tuple[str, str, str]]) -> str | None:
        style = _read_style(text)
        shown = [_read_example(value) for _, _, value in drawn]
        groups = [self._groups.get((name, group), _ANYTHING) for name, group, _ in drawn]
        if clash := _find_clash(style, shown):
            marks = self._reader.read_marks(text, style)
            excuses = marks & _EXCUSES[clash] if clash in _EXCUSES else marks - {"casual"}
            return None if any(not excuses.isdisjoint(group.marks) for group in groups) else clash
        if len(style.words) >= _FEW_WORDS and style.is_english:
            marks = self._reader.read_marks(text, style)
            fits = any(self._fits(style, marks, group, each) for group, each in zip(groups, shown, strict=True))
            return None if fits else "in the style of no example"
        return None

    def _fits(self, style: _Style, marks: frozenset[str], group: _Group, example: _Style) -> bool:
        if group.marks:
            return (
                not marks.isdisjoint(group.marks)
                or (example.greets and "greets" in marks)
                or (example.starts_low and style.starts_low)
                or ("casual" in group.marks and ("proper" not in marks or self._reader.has_slip(style)))
            )
        if "asks" in group.manners and "asks" not in marks:
            return False
        return "proper" not in group.manners or not style.is_careless
