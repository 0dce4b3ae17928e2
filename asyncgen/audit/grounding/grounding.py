"""Grounding: which facts an assistant states that neither the knowledge base nor the user has given it.

A lint, not a judge: it compares facts one by one, without their sentences, so a true figure in a false sentence passes.
It would rather miss an invention than cry at a good answer: small counts, ordinals, sums on the user's numbers, stories
and common names are let through, and a figure that follows from two others is a note of its own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, islice

from asyncgen.audit.grounding.claims import Said, is_exercise
from asyncgen.audit.grounding.derivations import Derivations, derives, is_of_a_code
from asyncgen.audit.grounding.known_facts import KnownFacts, hedge_of, is_age, is_bare, size_of_unit
from asyncgen.audit.grounding.reckoning import OPERANDS
from asyncgen.audit.grounding.statements import SENTENCE, YEAR, is_compared, sentences_around
from asyncgen.audit.grounding.written_sums import is_wrong
from asyncgen.audit.reading.facts import (
    CURRENCIES,
    NAME_OF_UNIT,
    Date,
    Fact,
    Measure,
    Term,
    Time,
    is_half_more,
    is_month,
    read_count,
    read_facts,
    read_small,
    read_spelled,
    squeeze,
    with_decimal_points,
    without_code,
)
from asyncgen.audit.reading.language import FUNCTION_WORDS, any_phrase, choice, find_language, listed, table_of
from asyncgen.audit.reading.names import COMMON_NAMES, PLACES, fold, is_listed
from asyncgen.audit.reading.number_words import (
    ALL_SMALL_WORDS,
    SMALL_WORDS,
    find_beginnings,
    in_all_spellings,
    is_small,
    small_words_of,
)
from asyncgen.audit.reading.phrases import Uncased, lowered
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.results import TopicGrounding
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.audit.subject import ENOUGH_WORDS, Subject

NO_SCENARIO = ""  # the topic of lines without one

# The rules of a figure that known ones give, that nobody has given, and that is told as a result and is none.
_DERIVED, _INVENTED, _WRONG_RESULT = ("derived-number",), ("ungrounded",), ("ungrounded", "derived-number")
_HOUR = 3600.0  # seconds
_SMALL = 12  # counts up to here are part of the language
_ASKED_MAX = 100_000
_MARKS = ("", ",", ".", ";", ":", "?", "!", "'s")  # behind a token
_SAME_WORDS, _TOLD_REACH = 2, 40  # words behind a figure, and characters in which they stand
_SHORTENED = 3  # letters of a name that is not told in full
_ANSWERS_KEPT = 1 << 14  # some 10 MB
_EVERYDAY = {("s", each) for each in (1.0, 60.0, 1800.0, 3600.0, 86400.0, 7 * 86400.0)} | {("%", 100.0), ("%", 0.0)}
_ENDS = (".", "!", "?", ")", '"', "%")
_HEADING_REACH = 200  # characters of a heading or a name of several words
_OPERATOR = any_phrase("grounding", "operators").pattern
_OPERATOR_BEFORE = re.compile(  # "minus 27 degrees" is no sum
    rf"(?:[+*=^]|(?<!\bf)/|\bx|\d\S{{0,4}}(?: \w{{1,8}})? {_OPERATOR}|[^\s\w]-|\d -)\s*\(?\$?$", re.IGNORECASE
)
_PRICED = re.compile(r"[^.!?\d]{1,30}(?:[$€£] ?\d|\d[\d.,]* ?(?:[€£$]|EUR|USD|GBP))")
_OPERATOR_REACH = 34  # characters
_OPERATOR_AFTER = re.compile(
    rf"\)?\s*(?:[+*=^]|/ ?[$\d(]|x \d|- \d|-\d|(?:{_OPERATOR}) \$?\d|(?:equals|ergibt)\b)", re.IGNORECASE
)
_RHETORICAL = any_phrase("grounding", "rhetorical")
_OF_THE_TALK = Uncased(rf"[ -]{any_phrase('grounding', 'of-the-talk').pattern}")
_SUPPOSED = re.compile(rf"(?:{any_phrase('grounding', 'supposed').pattern})[^.!?]*$", re.IGNORECASE)
# A small number in words that has a unit, or may be the result of a sum.
_SMALL_FIGURE = Uncased(
    rf"(?:{'|'.join(map(in_all_spellings, sorted(ALL_SMALL_WORDS)))})[ -]"
    rf"(?:(?:{NAME_OF_UNIT})\b|{any_phrase('grounding', 'more-behind').pattern}"
    rf"|{any_phrase('grounding', 'part-of').pattern})",
)
_GUESS = any_phrase("grounding", "guess").pattern
_GUESSED = Uncased(rf"(?:{_GUESS}|\b(?:\d|{'|'.join(SMALL_WORDS)}),) $")
_NO_LENGTH = Uncased(
    rf" (?:{_GUESS} (?:\d|(?:{'|'.join(SMALL_WORDS)})\b)|{any_phrase('grounding', 'no-length').pattern})"
)
_TOKEN_BEFORE, _TOKEN_BEHIND = re.compile(r"(?:\w{1,20}-)+$"), re.compile(r"(?:-\w{1,20})+")
_LONGEST_TOKEN = 40  # characters
_GUESS_REACH = 12  # characters
_DENIED = any_phrase("grounding", "denies")
_ORIGIN = any_phrase("grounding", "origin")
_PLACE_BEFORE = re.compile(rf"\b(?:{'|'.join(sorted(listed('grounding', 'place-before')))}) $", re.IGNORECASE)
_BROKEN_UNIT = re.compile(r" [^\W\d_]{1,12}")  # at the end of what breaks off: "250 Gra"
_CREATIVE, _TRUE_STORY = (any_phrase("grounding", key) for key in ("creative", "true-story"))
_NAME_BEFORE = re.compile(r"\b([A-Z][A-Za-z]*) $")
_WORD_BEFORE = re.compile(r"\b([A-Za-z][A-Za-z]*) $")
_NAME_BEHIND = re.compile(r" ([A-Z]\w*)")
_COMMAND_LINE = re.compile(r"[a-z][\w-]*(?: [^\sA-Z,;!?][^\s,;!?]*)+$", re.MULTILINE)
_WRITES_TO = re.compile(r"[^\s>] >>? ?$")
_MINUTES_OF_DAY = 1440
_PART_OF_DAY = re.compile(rf" (?:{choice(listed('times', 'parts-of-day'))})\b", re.IGNORECASE)
_CENTURY, _CENTURIES = re.compile(r"[XVI]{2,5}e?"), re.compile(r"\b(?:siècles?|siglos?)\b|-[XVI]+e")
_CENTURY_REACH = 10  # characters
_ROMAN = {"X": 10, "V": 5, "I": 1}
_CAPITALISED = re.compile(r"(?:[A-Z][\w'-]*\s+)*$"), re.compile(r"(?:\s+[A-Z][\w'-]*)*")


def add_topics(total: dict[str, TopicGrounding], topics: Mapping[str, TopicGrounding]) -> None:
    for topic, count in topics.items():
        known = total.get(topic, TopicGrounding())
        total[topic] = TopicGrounding(
            **{name: getattr(known, name) + getattr(count, name) for name in TopicGrounding.__struct_fields__}
        )


class Grounding:
    """Checks conversations against one knowledge base.

    `allowed`: texts whose facts may be used as well. `naming`: those of which only the names may be, such as prompts.
    """

    def __init__(self, knowledge: str, allowed: Iterable[str] = (), naming: Iterable[str] = ()) -> None:
        self._knowledge = knowledge
        words = split_words(knowledge)
        self._words = b" %b " % b" ".join(words)
        # Then an answer that is too short to tell is taken to speak as the knowledge base does.
        self._is_foreign = len(words) >= ENOUGH_WORDS and find_language(words) is None
        self._derivations = Derivations()
        self._known = KnownFacts([knowledge, *allowed], self._derivations)
        self._known.add_names(naming)
        self._unknown_places = PLACES - self._known.terms
        self._known.terms |= COMMON_NAMES | FUNCTION_WORDS
        self._settled: dict[str | None, dict[str, Term | None]] = {}  # by language
        # Small talk and refusals come again word for word: in the offline engine's files four answers of five.
        self._answers: dict[tuple[str, str | None], _Answer] = {}  # by content and language
        self._asked: dict[
            tuple[str, float, str, bool], bool
        ] = {}  # figures by text, value and unit: the same come often
        self.by_topic: dict[str, TopicGrounding] = {}

    def take_topics(self) -> dict[str, TopicGrounding]:
        """What has been counted since it was last asked."""
        topics, self.by_topic = self.by_topic, {}
        return topics

    def check(self, subject: Subject) -> Iterator[Finding]:
        topic = next(iter((subject.scenario or {}).values()), ())  # the value of the first dimension
        tally = self.by_topic.setdefault(topic[0][1] if topic else NO_SCENARIO, TopicGrounding())
        tally.conversations += 1
        if not subject.is_readable or (self._is_foreign and not any(subject.languages)):
            return
        review: _Review | None = None
        answers: list[_Answer] = []
        shown: set[tuple[str, str]] = set()
        findings = 0
        for position, message in enumerate(subject.record.conversation):
            if message.role != "assistant":
                continue
            language = subject.languages[position] or self._known.language
            if (answer := self._answers.get((message.content, language))) is None:
                if len(self._answers) >= _ANSWERS_KEPT:
                    self._answers.clear()
                answer = self._examine(message.content, language, subject.plain[position].vocabulary)
                self._answers[message.content, language] = answer
            answers.append(answer)
            tally.checked += answer.checked
            if not (answer.unknown or answer.doubtful or answer.miscounted):
                continue
            review = review or _Review(subject, self._known, self._derivations, self._words)
            for rule, fact in review.judge(position, answers):
                tally.ungrounded += rule == "ungrounded"
                tally.derived += rule == "derived-number"
                findings += rule == "ungrounded"
                evidence = _evidence(message.content, fact)
                if (rule, evidence) not in shown:  # Elon Musk is two names and one finding
                    shown.add((rule, evidence))
                    yield Finding(rule, subject.record.number, position, evidence)
        tally.lines += findings > 0

    def _examine(self, content: str, language: str | None, words: AbstractSet[bytes]) -> "_Answer":
        """`words`: of the content."""
        prose = with_decimal_points(without_code(content), language, self._known.language)
        if language not in self._settled:
            self._settled[language] = self._settle(language)
        settled = self._settled[language]
        answer = _Answer(prose)
        for fact in read_facts(prose, language, settled):
            if isinstance(fact, Term):
                answer.checked += not (fact.opens or fact.key in COMMON_NAMES)
                if not self._knows_term(fact, prose) or self._is_origin(fact, prose):
                    answer.unknown.append(fact)
                continue
            answer.checked += 1
            length = fact.length if isinstance(fact, Time) else None
            is_known = self._knows(fact, prose) or _is_guess(fact, prose)
            is_known = is_known or (length is not None and (self._knows(length, prose) or _is_guess(length, prose)))
            if not is_known and not self._is_told_hour(fact, prose):
                answer.unknown.append(fact)
            if isinstance(fact, Measure):
                answer.measures.append((fact, is_known))
                is_sum = fact.unit in CURRENCIES and is_wrong(fact, prose)
                if is_known and (is_sum or self._derivations.may_be_other(fact, prose)):
                    answer.doubtful.append(fact)
                if not fact.unit and self._is_miscounted(fact, prose):
                    answer.miscounted.append(fact)
        if small := [word.decode() for word in small_words_of(language) & words]:
            self._examine_in_words(answer, sorted(find_beginnings(lowered(prose), small)), language)
        return answer

    def _examine_in_words(self, answer: "_Answer", places: Iterable[int], language: str | None) -> None:
        """The quantities that begin with a small number in words, at these places."""
        end, has_others = 0, False
        for place in places:
            if place < end or answer.prose.startswith("-", place - 1):
                continue
            if not _SMALL_FIGURE.match(answer.prose, place):
                if (count := read_count(answer.prose, place)) and self._is_miscounted(count, answer.prose):
                    answer.miscounted.append(count)
                continue
            figure = read_small(answer.prose, place)
            if figure and figure.unit == "ct" and figure.text.endswith(tuple(_no_numbers(language))):
                has_others = True  # "trois cents"
            elif figure and figure.unit not in CURRENCIES:
                end = place + len(figure.text)
                self._examine_unit(figure, answer)
            else:
                has_others = True
        if has_others:
            self._examine_small(answer, language)

    def _is_miscounted(self, count: Measure, prose: str) -> bool:
        """Whether the knowledge base counts what a small number counts, and nowhere so many."""
        if not (1 < count.value <= _SMALL and is_everyday(count)):
            return False
        word = _WORD_BEFORE.search(prose, max(count.start - _LONGEST_TOKEN, 0), count.start)
        is_name = word and (word[1][0].isupper() or squeeze(word[1] + count.text) in self._known.terms)
        if is_name and not count.is_spelled:
            return False  # "Basic 5", and "depth 6" where there is one
        return self._known.things.are_others(prose, count.start, count.start + len(count.text), count.value)

    def _examine_unit(self, measure: Measure, answer: "_Answer") -> None:
        """So many of a unit, told in a small number in words."""
        if _is_vague(answer.prose, measure) or is_half_more(answer.prose, measure.start + len(measure.text)):
            return
        is_known = self._knows_small(measure, answer.prose) or self._is_told_hour(measure, answer.prose)
        if is_several(measure) and not is_known:
            answer.unknown.append(measure)
        elif measure.step == _HOUR and self._derivations.may_be_other(measure, answer.prose):
            answer.doubtful.append(measure)

    def _knows_small(self, measure: Measure, prose: str) -> bool:
        if measure.identity in self._known.singles or self._known.knows_measure(measure, is_bare=False):
            return True  # seven days, after a week
        hedge = hedge_of(prose, measure)
        return bool(hedge) and self._known.knows_measure(measure, hedge, is_bare=False)

    def _examine_small(self, answer: "_Answer", language: str | None) -> None:
        for each in read_spelled(answer.prose, language):
            if each.unit not in {"", *CURRENCIES} or is_half_more(answer.prose, each.start + len(each.text)):
                continue
            if each.unit and each not in answer.unknown and not self._knows(each, answer.prose):
                answer.unknown.append(each)
            elif (is_everyday(each) or each.unit) and self._derivations.may_be_other(each, answer.prose):
                answer.doubtful.append(each)

    def _settle(self, language: str | None) -> dict[str, Term | None]:
        """Tokens that are one known term, or none that counts, and need no second look.

        They follow from the knowledge base alone: what an answer is told to state must not hang on earlier answers.
        """
        prose = with_decimal_points(without_code(self._knowledge), language)
        settled: dict[str, Term | None] = {}
        for fact in read_facts(prose, language):
            # Months are none: a day may follow. Nor is a name of two words, which depends on its neighbours.
            if isinstance(fact, Term) and not (fact.opens or fact.beside or is_month(fact.text)):
                stated = None if fact.key in COMMON_NAMES else fact
                settled.update({fact.text + mark: stated for mark in _MARKS})
        settled.update({each.capitalize() + mark: None for each in FUNCTION_WORDS for mark in _MARKS})
        return settled

    def _knows_term(self, term: Term, prose: str) -> bool:
        terms = self._known.terms
        if self._known.knows_term(term) or term.opens or (term.beside != "" and term.beside in terms):
            return True
        if _CENTURY.fullmatch(prose, term.start, term.start + len(term.text)) and _CENTURIES.search(
            prose, max(term.start - _CENTURY_REACH, 0), term.start + len(term.text) + _CENTURY_REACH
        ):
            return self._known.knows_century(_read_roman(term.text))
        return "-" in (whole := _token_around(prose, term)) and squeeze(whole) in terms  # Wi-Fi

    def _is_origin(self, term: Term, prose: str) -> bool:
        """Whether a country or a city that the knowledge base lacks is told as where something comes from."""
        if term.key not in self._unknown_places or not _PLACE_BEFORE.search(prose, max(term.start - 12, 0), term.start):
            return False
        return any(map(_ORIGIN.search, sentences_around(prose, term.start)))

    def _knows(self, fact: Measure | Date | Time, prose: str) -> bool:
        if not isinstance(fact, Measure):
            return self._known.knows(fact)
        if is_everyday(fact) and not is_age(prose, fact):
            is_label = self._is_unknown_version(fact, prose) or self._known.things.is_unlisted(prose, fact)
            return not (fact.unit == "" and is_label)
        asked = (fact.text, fact.value, fact.unit, is_bare(prose, fact))
        if (is_known := self._asked.get(asked)) is None:
            is_known = self._known.knows_measure(fact, is_bare=asked[-1])
            if len(self._asked) < _ASKED_MAX:
                self._asked[asked] = is_known
        if is_known or self._known.knows_digits(fact, prose):
            return True
        if is_age(prose, fact) and self._known.knows_age(fact.value):
            return True
        hedge = hedge_of(prose, fact)
        return bool(hedge) and self._known.knows_measure(fact, hedge, is_bare=asked[-1])

    def _is_told_hour(self, fact: Measure | Date | Time, prose: str) -> bool:
        """Whether hours are a known time of day, as what part of it they are of says: "cinq heures du soir"."""
        if not (isinstance(fact, Measure) and fact.unit == "s"):
            return False
        end = fact.start + len(fact.text)
        if not _PART_OF_DAY.match(prose, end):
            return False
        return self._known.knows(
            Time(fact.text, fact.start, round(fact.value / 60) % _MINUTES_OF_DAY, is_half_told=True)
        )

    def _is_unknown_version(self, measure: Measure, prose: str) -> bool:
        """Claude 3, where the knowledge base names Claude but no third: the number is part of a name.

        Of a name that has no number there, one that counts what follows is none: with Basic 5 tools.
        """
        least = max(measure.start - 24, 0)
        word = max(least, prose.rfind(" ", least, measure.start - 1) + 1)  # without a blank not all that stands before
        if prose[word : measure.start].islower():  # as nearly always
            return False
        name = _NAME_BEFORE.search(prose, least, measure.start)
        if name is None or measure.is_spelled or fold(name[1]) not in self._known.names:
            return False
        if fold(name[1]) in FUNCTION_WORDS:
            return False  # "Le 12", where there is a Monsieur Le Goff
        if not is_bare(prose, measure) and fold(name[1]) not in self._known.numbered:
            return False
        return squeeze(name[1] + measure.text) not in self._known.terms


@dataclass(slots=True)
class _Answer:
    """`checked`: how many facts it states. `unknown`: those that the knowledge base does not state.

    `doubtful`: figures that it states, perhaps as something else.

    `miscounted`: small counts of things of which it counts others.

    `measures`: the figures, each with whether it is known.
    """

    prose: str
    checked: int = 0
    unknown: list[Fact] = field(default_factory=list)
    doubtful: list[Measure] = field(default_factory=list)
    miscounted: list[Measure] = field(default_factory=list)
    measures: list[tuple[Measure, bool]] = field(default_factory=list)


class _Review:
    """A second look, with what the user said, at what the knowledge base does not hold. Few conversations need one."""

    def __init__(self, subject: Subject, known: KnownFacts, derivations: Derivations, words: bytes) -> None:
        self._words = words
        self._conversation = subject.record.conversation
        self._languages = subject.languages
        self._known = known
        self._derivations = derivations
        values = [value for drawn in (subject.scenario or {}).values() for _, value in drawn]
        self._values = values

    @cached_property
    def _said(self) -> Said:
        return Said(self._conversation, self._values)

    def judge(self, position: int, answers: Sequence[_Answer]) -> Iterator[tuple[str, Fact]]:
        """The rule each fact of the last answer breaks, once however often it is stated there."""
        prose, unknown = answers[-1].prose, answers[-1].unknown
        asked = [each.content for each in self._conversation[max(position - 3, 0) : position] if each.role == "user"]
        before, question = " ".join(asked), "".join(asked[-1:])
        is_computed = is_exercise(before)
        is_foreign = self._languages[position] not in {None, self._known.language}
        is_creative = bool(_CREATIVE.search(before)) and not _TRUE_STORY.search(before)
        judged: set[object] = set()
        figures: list[Measure] = []
        for fact in unknown:
            if fact.identity in judged or (is_creative and _is_fiction(fact)):
                continue
            judged.add(fact.identity)
            rule, measure = self._judge_fact(fact, prose, question, is_foreign=is_foreign)
            if rule:
                yield rule, fact
            if measure and not (
                self._is_said(measure, prose)
                or _is_written_out(prose, measure)
                or self._is_none(measure, prose)
                or self._has_left_out_its_unit(measure, answers[-1])
            ):
                figures = figures or _stated(answers, known_alone=not is_computed)
                others = islice((each for each in reversed(figures) if each.value != measure.value), OPERANDS)
                operands = [*self._said.measures[-OPERANDS:], *reversed(list(others))]
                free = operands if is_computed else self._said.measures
                free = [each for each in free if self._is_free_operand(each, is_computed=is_computed)]
                if not derives(measure, [each for each in free if each.value != measure.value]):
                    rules = self._judge_figure(measure, prose, question, operands, is_foreign=is_foreign)
                    if rules == _DERIVED:
                        figures.append(measure)  # what follows may be derived from it
                    yield from ((rule, measure) for rule in rules)
        for measure in answers[-1].doubtful:
            if not (measure.identity in judged or (is_creative and _is_fiction(measure))):
                rules = self._judge_known(measure, prose, question)
                judged.update([measure.identity] if rules else ())
                yield from ((rule, measure) for rule in rules)

        yield from () if is_creative else self._judge_counts(answers[-1], question)

    def _judge_fact(
        self, fact: Fact, prose: str, question: str, *, is_foreign: bool
    ) -> tuple[str | None, Measure | None]:
        """The rule that it breaks, unless it is a figure, and the figure to be judged: "14 h" may be a length."""
        if isinstance(fact, Measure):
            return None, fact
        if self._is_free(fact, prose, is_foreign=is_foreign):
            return None, None
        if isinstance(fact, Term):
            return "ungrounded", None
        if self._derivations.explain_date(fact, prose, question, is_foreign=is_foreign):
            return "derived-number", None
        length = fact.length if isinstance(fact, Time) else None
        return (None if length else "ungrounded"), length

    def _is_free_operand(self, measure: Measure, *, is_computed: bool) -> bool:
        """Whether what follows from a figure is a sum of the user's own: one that the knowledge base has is not his.

        In an exercise it is, where he has given it.
        """
        if is_computed and measure in self._said.measures:
            return True
        return is_everyday(measure) or not measure.unit or not self._known.knows_measure(measure, is_bare=False)

    def _judge_counts(self, answer: "_Answer", question: str) -> Iterator[tuple[str, Measure]]:
        """The small counts that are told of what has others, unless the user or an earlier figure has given them."""
        for count in answer.miscounted:
            is_given = self._is_said(count, answer.prose) or _is_written_out(answer.prose, count)
            before, _ = sentences_around(answer.prose, count.start)
            if not (is_given or self._is_none(count, answer.prose) or _DENIED.search(SENTENCE.split(before)[-1])):
                end = count.start + len(count.text)
                counts = set().union(*self._known.things.counts(answer.prose, count.start, end))
                is_sum = any(count.value in {one + other, abs(one - other)} for one, other in combinations(counts, 2))
                look = self._derivations.look(count, answer.prose, question)
                is_product = any(one * other == count.value for one in counts for other in look.times)
                yield ("derived-number" if is_product or (is_sum and look.combines) else "ungrounded"), count

    def _judge_known(self, measure: Measure, prose: str, question: str) -> Sequence[str]:
        """The rules that a figure of the knowledge base breaks, which may be there as something else."""
        if is_wrong(measure, prose) and not self._is_said(measure, prose):
            return _WRONG_RESULT
        return _DERIVED if self._is_other(measure, prose, question) else ()

    def _judge_figure(
        self, fact: Measure, prose: str, question: str, operands: Sequence[Measure], *, is_foreign: bool
    ) -> Sequence[str]:
        """The rules that a figure breaks which nobody has given; `operands`: what it may follow from."""
        if is_wrong(fact, prose):
            return _WRONG_RESULT
        if self._said.claims(fact):
            return _INVENTED
        is_code = is_of_a_code(fact, prose) or is_age(prose, fact) or self._known.things.is_unlisted(prose, fact)
        if not is_code and (derives(fact, operands) or self._known.knows_multiple(fact, operands)):
            return _DERIVED
        look = self._derivations.look(fact, prose, question, is_foreign=is_foreign)
        if not is_code and self._derivations.explain(fact, prose, look):
            return _DERIVED
        return _WRONG_RESULT if self._derivations.is_told(fact, prose, look) else _INVENTED

    def _is_free(self, fact: Fact, prose: str, *, is_foreign: bool) -> bool:
        """Whether a name, an address or a date may be told though the knowledge base does not hold it.

        In another language than its own, a name may be a translation, but for people's and brands'.
        """
        if self._said.grants(fact, prose) or self._is_none(fact, prose):
            return True
        if not isinstance(fact, Term):
            return False
        if fact.kind == "identifier" and self._is_argument(fact, prose):
            return True
        if (
            fact.kind == "name"
            and prose.startswith(".", fact.start + len(fact.text))
            and self._known.has_name(fact.key)
        ):
            return len(fact.text) >= _SHORTENED  # "in Duluth, Minn."
        if fact.kind == "name" and any(self._said.names(each) for each in _names_beside(prose, fact)):
            return True  # Otto, of whom the user has only told that he is Lilienthal
        is_translated = is_foreign and fact.kind == "name" and not is_listed(fact.text)
        return is_translated or _is_label(prose, fact)

    def _is_argument(self, fact: Term, prose: str) -> bool:
        """Whether it is a file that a command of the knowledge base is given, or writes: tool list > names.txt."""
        begin = prose.rfind("\n", max(fact.start - _HEADING_REACH, 0), fact.start) + 1
        before = prose[begin : fact.start]
        if _WRITES_TO.search(before):
            return True
        command = split_words(before)[:2]
        is_line = _COMMAND_LINE.match(prose, begin) is not None
        return is_line and len(command) > 1 and b" %b " % b" ".join(command) in self._words

    def _is_none(self, fact: Fact, prose: str) -> bool:
        """Whether it is only asked for, or an answer breaks off in it, after the beginning of something known."""
        if _is_asked(prose, fact):
            return True
        rest = prose[fact.start + len(fact.text) :]
        if prose.endswith(_ENDS):
            return False
        if isinstance(fact, Measure) and _BROKEN_UNIT.fullmatch(rest):
            return self._known.knows_measure(fact)
        return rest == "" and self._known.has_beginning(fact)

    def _has_left_out_its_unit(self, fact: Measure, answer: "_Answer") -> bool:
        """Whether a bare figure is known in the unit of one before it in its sentence: "9,600 Wh, of which 9,100"."""
        if fact.unit or fact.is_spelled or not is_bare(answer.prose, fact):
            return False
        before, _ = sentences_around(answer.prose, fact.start)
        beside = (each for each, _ in answer.measures if fact.start - len(before) <= each.start < fact.start)
        return any(
            self._known.knows_measure(
                Measure(fact.text, fact.start, fact.value * size, fact.step * size, each.unit), is_bare=False
            )
            for each in beside
            if each.unit and (size := size_of_unit(each))
        )

    def _is_other(self, measure: Measure, prose: str, question: str) -> bool:
        """Whether a figure of the knowledge base is there another one, which its other figures give."""
        if not self._derivations.explains_better(measure, prose, question):
            return False
        if self._told_so(measure, prose):
            return False
        is_own = self._is_said(measure, prose) or derives(measure, self._said.measures)
        return not (is_own or _is_written_out(prose, measure))

    def _told_so(self, measure: Measure, prose: str) -> bool:
        """Whether the knowledge base has the figure with the same words behind it: 8 Euro im Monat."""
        least = len(split_words(measure.text)) + _SAME_WORDS
        run = split_words(prose[measure.start : measure.start + len(measure.text) + _TOLD_REACH])[:least]
        is_run = len(run) == least and b" %b " % b" ".join(run) in self._words
        return is_run and not is_compared(prose, measure)

    def _is_said(self, fact: Measure, prose: str) -> bool:
        if self._known.things.is_unlisted(prose, fact):  # whoever asks what code 9 means has not given it
            before, _ = sentences_around(prose, fact.start)
            word = _WORD_BEFORE.search(before)
            if word and self._said.asks(f"{word[1]} {fact.text}"):
                return _DENIED.search(before) is not None
        return self._said.grants(fact, prose, hedge_of(prose, fact), is_bare=is_bare(prose, fact))


def _read_roman(numeral: str) -> int:
    digits = [_ROMAN[each] for each in numeral.removesuffix("e")]
    return sum(-one if one < after else one for one, after in zip(digits, [*digits[1:], 0], strict=True))


def _stated(answers: Sequence[_Answer], *, known_alone: bool) -> list[Measure]:
    """The figures that the answers state, and the small ones that the last one has in words."""
    stated = [each for answer in answers for each in answer.measures]
    stated += [(each, is_everyday(each)) for each in read_spelled(answers[-1].prose)]
    return [each for each, is_known in stated if is_known or not known_alone]


def _token_around(prose: str, term: Term) -> str:
    """The stretch without white space in which a term stands, as far as letters and hyphens reach."""
    end = term.start + len(term.text)
    before = _TOKEN_BEFORE.search(prose, max(term.start - _LONGEST_TOKEN, 0), term.start)
    behind = _TOKEN_BEHIND.match(prose, end, end + _LONGEST_TOKEN)
    return f"{before[0] if before else ''}{term.text}{behind[0] if behind else ''}"


def _names_beside(prose: str, term: Term) -> Iterator[str]:
    """The words with a capital right before and behind."""
    end = term.start + len(term.text)
    before = _NAME_BEFORE.search(prose, max(term.start - _LONGEST_TOKEN, 0), term.start)
    behind = _NAME_BEHIND.match(prose, end)
    yield from (each[1] for each in (before, behind) if each)


def is_everyday(measure: Measure) -> bool:
    """Whether a measure is part of the language: small counts, a minute, an hour, a day, a hundred percent."""
    if measure.unit == "":
        return measure.value <= _SMALL and measure.value == int(measure.value)
    if measure.unit == "s" and measure.is_spelled:
        return is_small(measure.text)
    return (measure.unit, measure.value) in _EVERYDAY


def is_several(measure: Measure) -> bool:
    """Whether it is more than one of its unit: a day is part of the language."""
    return measure.value > measure.step


def _no_numbers(language: str | None) -> Iterable[str]:
    """Words that are a number only behind another one."""
    words: Iterable[str] = table_of(language, "numbers").get("none", ())
    return words


def _is_guess(fact: Fact, prose: str) -> bool:
    """Whether it is such a length in digits: 2 or 3 hours."""
    if not isinstance(fact, Measure):
        return False
    if is_half_more(prose, fact.start + len(fact.text)):
        return True  # it is read with its half
    return fact.unit == "s" and fact.value <= _SMALL * fact.step and _is_vague(prose, fact)


def _is_vague(prose: str, measure: Measure) -> bool:
    """Whether it is one of two guesses, "two or three hours", or counts days: four days a week."""
    end = measure.start + len(measure.text)
    return (
        _GUESSED.search(prose, max(measure.start - _GUESS_REACH, 0), measure.start) is not None
        or _NO_LENGTH.match(prose, end) is not None
    )


def _is_fiction(fact: Fact) -> bool:
    if isinstance(fact, Term):
        return fact.kind in {"name", "acronym"}
    return isinstance(fact, Date | Time) or fact.unit in {"", "s", "m", "m²", "ha", "l", "kg", "km/h", "°"}


def _is_label(prose: str, term: Term) -> bool:
    """A heading such as "Cheap Training: ...", in which every word has a capital, one of Markdown or a table's row."""
    if term.kind != "name":
        return False
    line = prose[prose.rfind("\n", max(term.start - _HEADING_REACH, 0), term.start) + 1 : term.start].lstrip()
    if line.startswith(("#", "|")) or line.count("**") % 2:
        return True
    before, after = _CAPITALISED
    first = before.search(prose, max(term.start - 60, 0), term.start)
    end = term.start + len(term.text)
    last = after.match(prose, end, end + _HEADING_REACH)
    end = last.end() if last else term.start
    start = first.start() if first else term.start
    line = prose[max(start - _HEADING_REACH, 0) : start].rstrip(" -*#0123456789.)").rpartition("\n")[2]
    return prose[end : end + 1] == ":" and not line.strip()


def _is_asked(prose: str, fact: Fact) -> bool:
    """Whether it stands in a question, which states nothing, unless it asks who knows."""
    before, behind = sentences_around(prose, fact.start)
    return behind.endswith("?") and not _RHETORICAL.search(before)


def _is_written_out(prose: str, measure: Measure) -> bool:
    """Whether a figure is part of a written-out sum or of an example that says so, or counts words of the talk."""
    start, end = measure.start, measure.start + len(measure.text)
    if measure.unit == "" and _OF_THE_TALK.match(prose, end):
        return True
    if measure.unit == "s" and measure.value == YEAR and _PRICED.match(prose, end):
        return True  # twelve months at €49 each
    if _OPERATOR_BEFORE.search(prose, max(start - _OPERATOR_REACH, 0), start) or _OPERATOR_AFTER.match(prose, end):
        return True
    return _SUPPOSED.search(prose, max(start - 160, 0), start) is not None


def _evidence(prose: str, fact: Fact) -> str:
    start, end = fact.start, fact.start + len(fact.text)
    if isinstance(fact, Term) and fact.kind == "name":
        before, after = _CAPITALISED
        first = before.search(prose, max(start - 40, 0), start)
        last = after.match(prose, end, end + _HEADING_REACH)
        start, end = (first.start() if first else start), (last.end() if last else end)
    elif isinstance(fact, Measure) and (name := _NAME_BEFORE.search(prose, max(start - 24, 0), start)):
        start = name.start()
    named = " ".join(prose[start:end].split())[:60]
    return f"{named} | {excerpt(prose, start, end)}"[:120]
