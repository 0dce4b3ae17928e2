"""Sides that are swapped where no single phrase shows it: what was said before and after does.

One side says again what the other has said. A user offers, advises or tells what the knowledge base knows, and the
assistant takes it as a customer would, or it was the assistant's own answer. An assistant tells of a life of its own
and asks what it is there to answer. Each of these alone may be said by either side.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain

from asyncgen.audit.lints.user_voice import UserVoice
from asyncgen.audit.lints.word_runs import runs_of
from asyncgen.audit.reading import language
from asyncgen.audit.reading.phrases import Phrases, PlainText
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import blank
from asyncgen.audit.subject import Subject

_RULE = "role-confusion"
_QUOTED = re.compile(r'"[^"\n]{1,300}"|[\u201c\u201e][^"\u201c-\u201e\n]{1,300}[\u201c\u201d]')
_ENDS = re.compile(r"[.!?;]\s*\Z")
_QUESTION = re.compile(r"(?:[^.!?\n]|\.(?=\w))*\?")
_FEWEST_WORDS = 4  # of a message that only says again what the other side said
_FEWEST_SHARED = 4  # words in a row; those that are shared tell of oneself, and two of them are no function words
_FEWEST_LETTERS = 3  # of a word that says something
_FEWEST_TELLING = 2  # words that tell what the other side has told
_FEWEST_KNOWN = 3  # words of somebody who tells what the knowledge base knows,
_LEAST_KNOWN = 0.8  # and their share of all that say something,
_LEAST_HEARD = 0.7  # also of what was said before
_MOST_BARE = 9  # words of an answer that tells nothing
_FEWEST_BACK = 3  # words of a statement that is said back
_FEWEST_SIGNS = 2  # of a life of its own that no assistant has
_MOST_MORE = 4  # words of a question that is asked back
_OWN, _ADDRESSED, _REACTIONS, _ASKING, _THANKING = (
    language.words_listed(_RULE, key) for key in ("oneself", "addressed", "reactions", "asking", "thanking")
)
_GOES_ON = frozenset(split_words(" ".join(each.split()[0] for each in language.listed(_RULE, "goes-on"))))
_OPENINGS = [split_words(each) for each in language.listed(_RULE, "openings")]
_YOU = _ADDRESSED | language.words_listed(_RULE, "polite")
_FORMULAS = re.compile(r"(?:thank|thanking|tell|to) you\b")
_SENTENCE_END = re.compile(r"(?<=[.!?\n])\s+")
_PERSONAL = _OWN | _REACTIONS
_EMPTY = language.FREQUENT | _OWN | _ADDRESSED | _REACTIONS | _ASKING


def without_quotes(text: str) -> str:
    """The text with blanks for what stands between quotation marks: somebody else's."""
    return _QUOTED.sub(blank, text) if '"' in text or "\u201c" in text else text


def _telling(words: Iterable[bytes]) -> list[bytes]:
    """Those that say something: no function words, nobody's pronouns."""
    return [each for each in words if each not in _EMPTY and (len(each) >= _FEWEST_LETTERS or each.isdigit())]


class Said:
    """A message as it is compared with those beside it."""

    def __init__(self, role: str, plain: PlainText) -> None:
        self.role, self.plain, self.words = role, plain, plain.words
        self.asks = "?" in plain.text

    @cached_property
    def text(self) -> str:
        """Without what is quoted."""
        return without_quotes(self.plain.text)

    @cached_property
    def own(self) -> PlainText:
        """It without what is quoted."""
        return self.plain if self.text is self.plain.text else PlainText(self.text)

    @cached_property
    def telling(self) -> frozenset[bytes]:
        return frozenset(_telling(self.words))

    @cached_property
    def statement(self) -> Sequence[bytes]:
        """The words outside of questions."""
        return split_words(_QUESTION.sub(" ", self.text)) if self.asks else self.words

    @cached_property
    def is_to_you(self) -> bool:
        """Whether a "you" is told or asked something, which is more than to be asked for something for oneself."""
        sentences = ((each, split_words(_FORMULAS.sub(" ", each))) for each in _SENTENCE_END.split(self.text))
        return any(
            not _YOU.isdisjoint(words) and not (each.endswith("?") and not _OWN.isdisjoint(words))
            for each, words in sentences
        )

    @cached_property
    def stated(self) -> frozenset[bytes]:
        return frozenset(_telling(self.statement))

    @property
    def is_bare(self) -> bool:
        """Whether it tells nothing: "Okay, understood."."""
        return len(self.words) <= _MOST_BARE and not self.asks and not any(map(str.isdigit, self.text))

    @property
    def thanks(self) -> bool:
        return not _THANKING.isdisjoint(self.plain.vocabulary)

    def says(self, phrases: Phrases) -> bool:
        return next(phrases.find(self.plain, self.text), None) is not None


class SwappedSides:
    def __init__(self, knowledge: str) -> None:
        self._voice = UserVoice(knowledge)
        (
            self._serves,
            self._wishes,
            self._welcomes,
            self._accepts,
            self._lives,
            self._asked_by_others,
            self._grateful,
        ) = (
            Phrases(language.phrases(_RULE, key))
            for key in ("serves", "wishes", "welcomes", "accepts", "lives", "asked-by-others", "grateful")
        )
        self._transcript = language.any_phrase(_RULE, "transcript")
        self._known = frozenset(_telling(split_words(knowledge)))

    def is_served(self, said: Sequence[Said], position: int) -> bool:
        """Whether a user says what the house would, and it was the answer before, or the next one takes it so."""
        message = said[position]
        if message.role != "user":
            return False
        wishes = message.says(self._wishes)
        is_thanked = position > 0 and said[position - 1].thanks and message.says(self._welcomes)
        serves = wishes or (message.says(self._serves) and not is_thanked)
        if position:
            is_again = len(message.stated & said[position - 1].telling) >= _FEWEST_TELLING
            if wishes or (serves and is_again) or self._tells_on(said, position):
                return True
        after = said[position + 1] if position + 1 < len(said) else None
        if after is None or not (serves or self._tells_what_is_known(message)) or after.says(self._grateful):
            return False
        if serves:
            takes = after.says(self._lives) or (bool(wishes or position) and after.is_bare)
        else:
            takes = _asks_the_house(after)
        is_ordered = not position and self._transcript.search(message.text) is not None
        return (takes or after.says(self._accepts)) and not is_ordered

    def _tells_on(self, said: Sequence[Said], position: int) -> bool:
        """Whether a user who was told something tells more of it, or what is known, and is told nothing in turn.

        No word shows that he has taken it in, and he says nothing of himself.
        """
        message, before = said[position], said[position - 1]
        words, is_asked = message.statement, before.asks or not _ENDS.search(message.text)
        if is_asked or len(words) < _FEWEST_WORDS or not _PERSONAL.isdisjoint(words) or words[0] in _ASKING | _GOES_ON:
            return False
        heard = [self._known, *(each.telling for each in said[:position])]
        known = [word for word in message.stated if any(word in each for each in heard)]
        if len(known) < max(_FEWEST_TELLING, _LEAST_HEARD * len(message.stated)):
            return False
        is_bare = position + 1 < len(said) and said[position + 1].is_bare
        return is_bare or not message.stated.isdisjoint(before.telling)

    def _tells_what_is_known(self, message: Said) -> bool:
        """Whether somebody tells nothing of himself and nothing but what the knowledge base knows, with its figures."""
        if message.asks or not _PERSONAL.isdisjoint(message.words) or not any(map(str.isdigit, message.text)):
            return False
        known = message.telling & self._known
        return len(known) >= max(_FEWEST_KNOWN, _LEAST_KNOWN * len(message.telling))

    def told_of_users(self, said: Sequence[Said], cast: frozenset[bytes]) -> frozenset[bytes]:
        """What tells of nobody but the user: whom the scenario casts, and what he calls his own."""
        things = chain.from_iterable(self._voice.things_of(each.own) for each in said if each.role == "user")
        return frozenset(_telling(chain(cast - self._known, things)))

    def speaks_as_a_user(self, message: Said, told_of_users: frozenset[bytes]) -> bool:
        """Whether an assistant asks or takes in an answer as a person does, or tells nobody but of itself as of one."""
        if message.role != "assistant":
            return False
        is_heard = self._voice.is_heard(message.plain, message.text)
        if not (is_heard or message.is_to_you):
            is_heard = self._voice.count_signs(message.own, told_of_users) >= _FEWEST_SIGNS
        return is_heard and not message.says(self._asked_by_others)


def _asks_the_house(message: Said) -> bool:
    """Whether a question asks what something is, and no "you"."""
    return message.asks and any(
        _ADDRESSED.isdisjoint(words) and not _ASKING.isdisjoint(words[:1])
        for words in (split_words(each[0]) for each in _QUESTION.finditer(message.text))
    )


def read_said(subject: Subject) -> Sequence[Said]:
    """A conversation's messages."""
    pairs = zip(subject.record.conversation, subject.plain, strict=True)
    return [Said(message.role, plain) for message, plain in pairs]


def only_repeats(said: Sequence[Said], position: int) -> bool:
    """Whether a message says what the one before it has said, and nothing of its own.

    "At most twelve can come?" may be answered by the same words as a statement, and "Good night!" by itself.
    """
    if not position:
        return False
    message, before = said[position], said[position - 1]
    if message.words == before.words and len(message.words) < _FEWEST_WORDS:
        is_an_answer_again = message.role == "user" and position > 1 and said[position - 2].asks
        return message.asks == before.asks and (is_an_answer_again or (message.asks and len(message.words) > 1))
    if message.role == "assistant" and _asks_back(message, before):
        return True
    if len(message.words) < _FEWEST_WORDS:
        return False
    is_the_same = message.words == before.words or _goes_on_with(message, before)
    return (is_the_same and (message.asks or not before.asks)) or _says_the_same_of_itself(message, before)


def _asks_back(message: Said, before: Said) -> bool:
    """Whether somebody who is asked "Can I bring my dog?" says "Can you bring your dog?", or tells it again so."""
    if not (message.asks or before.asks):
        is_as_long = _FEWEST_BACK <= len(message.words) == len(before.words)
        return is_as_long and [*map(_without_person, message.words)] == [*map(_without_person, before.words)]
    more, is_begun_so = len(message.words) - len(before.words), message.words[:1] == before.words[:1]
    if not message.asks:
        is_back = is_begun_so and _ASKING.issuperset(message.words[:1]) and -1 <= more <= _MOST_MORE
    else:
        # "Which do you mean?"
        is_addressed = not _ADDRESSED.isdisjoint(message.words) and _OWN.isdisjoint(before.words)
        is_again = before.asks and message.text.rstrip().endswith("?")
        is_back = is_again and -1 <= more <= (_MOST_MORE if is_begun_so and not is_addressed else not is_addressed)
    in_order = [word for word in message.words if word in before.telling]
    return is_back and bool(in_order) and in_order == _telling(before.words)


def _without_person(word: bytes) -> bytes:
    return b"" if word in _OWN or word in _ADDRESSED else word


def _goes_on_with(message: Said, before: Said) -> bool:
    """Whether a user says all of an answer again, but for its "yes", and asks nothing."""
    answer = before.words[before.words[:1] in _OPENINGS :]
    is_long = len(answer) > _FEWEST_WORDS and not before.asks
    return is_long and message.role == "user" and not message.asks and message.words[: len(answer)] == answer


def _says_the_same_of_itself(message: Said, before: Said) -> bool:
    """Whether one side has done, has or wants what the other has just said of itself: "I trained a d12 as well"."""
    own = _OWN & message.plain.vocabulary & before.plain.vocabulary
    if not own or any(mark in each.plain.text for mark in '":' for each in (message, before)):
        return False
    if message.role == "user" and not _ADDRESSED.isdisjoint(message.plain.vocabulary):
        return False  # "So you say that I ..."
    shared = {*runs_of(before.words, _FEWEST_SHARED)} & {*runs_of(message.words, _FEWEST_SHARED)}
    words = frozenset(chain.from_iterable(shared))
    telling = [each for each in words - language.FREQUENT - _OWN if len(each) >= _FEWEST_LETTERS]
    return len(telling) > 1 and not own.isdisjoint(words)
