"""What a user has said, and whether an answer may take it as known.

What he says of himself, asks, orders or hands over may be used. What he claims of the subject or of the model is no
knowledge: an answer may deny it, ask about it or call it his, and states an invention when it agrees or repeats it as
its own. Companies and products that he brings up may be spoken of, unless the answer begins by agreeing.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from asyncgen.audit.grounding.known_facts import KnownFacts
from asyncgen.audit.grounding.statements import sentences_around
from asyncgen.audit.reading.facts import Fact, Measure, Term
from asyncgen.audit.reading.language import any_phrase, listed
from asyncgen.audit.reading.names import fold
from asyncgen.audit.reading.phrases import Uncased
from asyncgen.conversation import Conversation

_CLAIM = {key: any_phrase("grounding", key) for key in ("own", "hearsay", "second-person", "tag", "orders")}
# "I think my ..." is said of himself, "my friend thinks you ..." is not.
_HIMSELF = any_phrase("grounding", "of-himself").pattern
_OF_HIMSELF = Uncased(rf"(?:{_CLAIM['hearsay'].pattern}),? (?:that |dass )?(?:{_HIMSELF})")
_DECLARES, _BY_OTHERS = (any_phrase("grounding", key) for key in ("declares", "by-others"))
_DENIES, _ATTRIBUTES, _AFFIRMS = (any_phrase("grounding", key) for key in ("denies", "attributes", "affirms"))
_AGREES, _SUPPOSES = any_phrase("grounding", "agrees"), any_phrase("grounding", "supposes")
# Of whom he tells: "my friend Dagmar says".
_OWN_PERSON = re.compile(
    rf"\b(?i:{'|'.join(sorted(listed('grounding', 'mine')))})(?: [\w-]+){{1,2}},? (?P<name>[^\W\d_a-z][\w'-]+)"
)
_OPERATOR = any_phrase("grounding", "operators").pattern
_EXERCISE = Uncased(
    rf"\d ?(?:[-+*/x^]|{_OPERATOR}) ?\$?\d|(?:\d|%) ?(?:%|percent) of \$?\d"
    rf"|{any_phrase('grounding', 'calculate').pattern}",
)
_WORD_PROBLEM = Uncased(rf"(?P<digit>\d)|[.?,]|(?P<asks>{any_phrase('grounding', 'how-many').pattern})")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_HANDED_OVER = re.compile(r"[\n\"\u201c\u201e:`]")
_LONGEST_CLAIM = 300  # characters
_REMARK = 40  # words of a message that is no more than a remark


class Said:
    """`values`: what the scenario draws, which an answer may speak of as well."""

    def __init__(self, conversation: Conversation, values: Iterable[str]) -> None:
        free, claimed = list[str](), list[str]()
        self._persons: set[str] = set()
        self._questions: list[str] = []
        for place, message in enumerate(conversation):
            if message.role != "user":
                continue
            text = message.content
            answers = place > 0 and conversation[place - 1].content.endswith("?") and _AFFIRMS.match(text)
            kinds: tuple[list[str], list[str]] = ([], [])
            wants_a_result = is_exercise(text)
            is_of_himself = answers or _CLAIM["own"].search(text)
            is_remark = len(text.split()) <= _REMARK and not (_HANDED_OVER.search(text) or is_of_himself)
            for sentence in _SENTENCE.split(text):
                is_claim = not wants_a_result and _is_claim(sentence, is_remark=is_remark)
                kinds[is_claim].append(sentence)
                if sentence.endswith("?") and not _CLAIM["own"].search(sentence):
                    self._questions.append(sentence.lower())
            self._persons.update(fold(each["name"]) for each in _OWN_PERSON.finditer(text))
            free.append(" ".join(kinds[False]))
            claimed.append(" ".join(kinds[True]))
        self._free = KnownFacts(filter(None, free))
        for each in values:
            self._free.add(_stated_by(each))
        self._claimed = KnownFacts(filter(None, claimed))
        self.measures: Sequence[Measure] = self._free.measures  # nothing follows from a claim

    def claims(self, fact: Fact) -> bool:
        """Whether the user has claimed it, so that it is no result of the answer's."""
        return self._claimed.knows(fact, is_bare=True)

    def asks(self, words: str) -> bool:
        """Whether a question that is not about the user himself has these words."""
        return any(words.lower() in each for each in self._questions)

    def names(self, word: str) -> bool:
        """Whether it is a name that the user has brought up."""
        return fold(word) in self._free.names

    def grants(self, fact: Fact, prose: str, hedge: str = "", *, is_bare: bool = True) -> bool:
        """Whether an answer may state it there because of what the user has said."""
        if self._free.knows(fact, hedge, is_bare=is_bare) or (isinstance(fact, Term) and fact.key in self._persons):
            return True
        if self._free.counts_as(fact) or (isinstance(fact, Measure) and self._claimed.knows_digits(fact)):
            return True  # his own age, the number of an order or a telephone, which he has read somewhere
        return self._claimed.knows(fact, hedge, is_bare=is_bare) and _is_kept_apart(fact, prose)


@lru_cache(maxsize=1024)
def _stated_by(value: str) -> KnownFacts:
    """What a drawn value states: each of them comes again in many lines."""
    return KnownFacts([value])


def _is_claim(sentence: str, *, is_remark: bool) -> bool:
    """`is_remark`: its message is short, hands nothing over and is not about the user himself."""
    if len(sentence) > _LONGEST_CLAIM or _BY_OTHERS.search(sentence):
        return len(sentence) <= _LONGEST_CLAIM
    is_question = sentence.endswith("?") and not any(each.search(sentence) for each in (_CLAIM["tag"], _DECLARES))
    if is_question or _CLAIM["orders"].match(sentence):
        return False
    is_own = _CLAIM["own"].search(sentence) is not None
    if _CLAIM["hearsay"].search(sentence) and not (is_own and _OF_HIMSELF.search(sentence)):
        return True
    if is_own or _CLAIM["second-person"].search(sentence):
        return not is_own
    return is_remark


def _is_kept_apart(fact: Fact, prose: str) -> bool:
    """Whether the sentence of an answer denies what it repeats, or does not make it its own."""
    before, behind = sentences_around(prose, fact.start)
    near = before + behind
    if _DENIES.search(before) or _SUPPOSES.search(near):
        return True
    if _AFFIRMS.match(prose.lstrip()) or _AFFIRMS.match(near.lstrip()) or _AGREES.search(near):
        return False
    is_topic = isinstance(fact, Term) and fact.kind in {"name", "acronym"}
    return is_topic or "?" in behind or any(each.search(near) for each in (_DENIES, _ATTRIBUTES))


def is_exercise(text: str) -> bool:
    """Whether a user wants something computed, from figures of his own."""
    return bool(_EXERCISE.search(text)) or _is_word_problem(text)


def _is_word_problem(text: str) -> bool:
    """A figure, then in the same sentence or the next ones a "how many ...?", with a stop or a comma between them.

    A scan of its own: as one expression it would be tried from every figure to every stop to every question.
    """
    has_figure = has_stop = is_asked = False
    for token in _WORD_PROBLEM.finditer(text):
        if token["digit"]:
            has_figure = True
        elif token["asks"]:
            is_asked |= has_stop
        elif token[0] == "?":
            if is_asked:
                return True
            has_stop = has_figure
        else:
            has_stop |= has_figure
            has_figure &= token[0] != "."
    return False
