"""One conversation while it is written: how it opens, what is asked next, which passages answer.

The passages that lead the answers are chosen first, by the topic's ranking and the dynamic's mood; the questions are
then fitted to the passages. That order is what makes every answer an answer.
"""

import random
import re
from collections.abc import Iterable, Sequence
from enum import Enum, auto

from asyncgen.offline import wording
from asyncgen.offline.aspects import Angles, Aspect, Kind
from asyncgen.offline.brief import Brief, Message
from asyncgen.offline.library import Passage
from asyncgen.offline.openers import Manner, Opener
from asyncgen.offline.source import Source

_LONG_ANSWER = 900  # characters: no further passage is added to an answer of this length
_TOP = 5  # passages of a ranking from which the first answer is drawn
_ADMISSION = -1  # the number of a passage that is none: it says that nothing is left to quote
_PARAGRAPHS = 320  # characters: a longer answer of several passages is set in paragraphs
_SENTENCE_START = re.compile(r"(?:^|(?<=[.!?:] ))[A-Z](?=[a-z' ])")


class _Reply(Enum):
    """What an answer answers, which decides the words it begins with."""

    QUESTION = auto()
    MORE = auto()
    CLAIM = auto()
    MISTAKE = auto()
    DISBELIEF = auto()


_INTROS: dict[_Reply, tuple[float, tuple[str, ...]]] = {
    _Reply.QUESTION: (0.35, wording.INTROS),
    _Reply.MORE: (0.3, wording.MORE_INTROS),
    _Reply.CLAIM: (0.85, wording.CONFIRMATIONS),
    _Reply.MISTAKE: (1.0, wording.CORRECTIONS),
    _Reply.DISBELIEF: (1.0, wording.REASSURANCES),
}


class Draft:
    """Writes one conversation, drawing from `rng` in a fixed order. No passage is quoted twice."""

    def __init__(self, brief: Brief, source: Source, rng: random.Random) -> None:
        self._brief = brief
        self._source = source
        self._rng = rng
        self._voice = wording.choose_voice(brief.persona)
        self._mood = wording.read_mood(brief.dynamic)
        self._is_english = source.library.is_english
        self._is_casual = False
        self._taken: set[int] = set()
        self._said: set[str] = set()
        self._heading: str | None = None
        self._has_offered = False
        self._messages: list[Message] = []

    def write(self) -> list[Message]:
        answers = self._rng.choice(self._brief.lengths) // 2
        opener = self._choose_opener(answers)
        self._is_casual = bool(opener.text) and opener.text == opener.text.lower()
        if opener.manner is Manner.QUESTION:
            leads = self._open_with_question(opener, answers)
        elif self._may_exchange_greetings(opener, answers):
            leads = self._exchange_greetings(opener, answers)
        else:
            leads = self._attach_question(opener, answers)
        for position, lead in enumerate(leads):
            self._follow_up(lead, _first(leads[position + 1 :]))
        return self._messages

    # The opening: each way of it returns the leads that are still to come.

    def _choose_opener(self, answers: int) -> Opener:
        openers = [self._source.read_opener(text) for text in self._brief.openers]
        if answers == 1:  # a question of its own leaves the topic little room in a single answer
            openers += [each for each in openers if each.manner is not Manner.QUESTION] * 2
        return self._rng.choice(openers) if openers else Opener("", Manner.REMARK)

    def _may_exchange_greetings(self, opener: Opener, answers: int) -> bool:
        if answers == 1 or not opener.text or not self._is_english:
            return False
        if opener.manner is Manner.REMARK:
            return not opener.text.endswith("?") and self._happens(0.35)
        return self._happens(0.55)

    def _open_with_question(self, opener: Opener, answers: int) -> list[Passage]:
        reply = opener.answers[0]
        self._taken.add(reply.number)
        leads = self._choose_leads(max(1, answers - 1))
        if answers > 1:
            self._say(self._after_greeting(opener), self._answer(reply, _Reply.QUESTION, leads[0]))
            return leads
        question, _ = self._ask(leads[0])
        connected = f"{self._rng.choice(wording.CONNECTORS)} {_lower_first(question)}"
        answer = f"{reply.text}\n\n{self._answer(leads[0], _Reply.MORE, None)}"
        self._say(f"{_finish(opener.text)} {self._relax(connected)}", answer)
        return []

    def _after_greeting(self, opener: Opener) -> str:
        others = map(self._source.read_opener, self._brief.openers)
        greetings = [
            each.text
            for each in others
            if each.manner is Manner.GREETING and not each.hello and not each.text.endswith("?")
        ]
        if not greetings or not self._happens(0.25):
            return opener.text
        return f"{_finish(self._rng.choice(greetings))} {opener.text}"

    def _exchange_greetings(self, opener: Opener, answers: int) -> list[Passage]:
        leads = self._choose_leads(answers - 1)
        heading = self._source.angles_of(leads[0]).heading
        if opener.hello:
            reply = self._rng.choice(wording.FOREIGN_REPLIES).replace("{}", opener.hello)
        elif heading and heading.kind in wording.GREETING_OFFERS and self._happens(0.4):
            reply = self._rng.choice(wording.GREETING_OFFERS[heading.kind]).replace("{}", heading.own)
            self._has_offered = True
        else:
            reply = self._rng.choice(wording.GREETINGS)
        self._say(opener.text, reply)
        return leads

    def _attach_question(self, opener: Opener, answers: int) -> list[Passage]:
        leads = self._choose_leads(answers)
        question, reply = self._ask(leads[0])
        answer = self._answer(leads[0], reply, _first(leads[1:]))
        if opener.hello:
            question = _join(self._rng.choice(wording.IN_ENGLISH), question)
            answer = f"{self._rng.choice(wording.FOREIGN_REPLIES).replace('{}', opener.hello)} {answer}"
        elif opener.manner is Manner.GREETING and self._happens(0.4):
            answer = f"{self._rng.choice(wording.HELLOS)} {answer}"
        self._say(f"{_finish(opener.text)} {self._relax(self._with_tail(question))}".strip(), answer)
        return leads[1:]

    # What comes after it.

    def _follow_up(self, lead: Passage, following: Passage | None) -> None:
        if self._has_offered and self._happens(0.75):
            question, reply = self._new(wording.ACCEPTANCES), _Reply.MORE
        else:
            question, reply = self._ask(lead)
            question = self._react(self._with_tail(question), is_last=following is None)
        self._say(self._relax(question), self._answer(lead, reply, following))

    def _react(self, question: str, *, is_last: bool) -> str:
        if not self._is_english or self._heading is None:  # nothing was said yet that one could react to
            return question
        if is_last and self._happens(0.2):
            question = _join(self._new(wording.LAST_LEADS), question)
        elif self._happens(0.12):
            question = _join(self._new(self._voice.leads), question)
        if self._happens(0.6):
            question = f"{self._new(self._mood.reactions or self._voice.reactions)} {question}"
        return question

    def _with_tail(self, question: str) -> str:
        if self._is_english and question.endswith("?") and self._happens(0.12):
            return f"{question} {self._new(self._voice.tails)}"
        return question

    # Which passages.

    def _choose_leads(self, count: int) -> list[Passage]:
        """The passage each coming answer begins with; the first fits the topic best."""
        ranked = self._source.library.rank(self._brief.about)[: max(_TOP, 2 * count + 3) + len(self._taken)]
        leads: list[Passage] = []
        while len(leads) < count:
            successor = self._source.after(leads[-1]) if leads else None
            if successor and successor.number not in self._taken and self._happens(self._mood.persistence):
                lead = successor
            else:
                lead = self._draw(self._choose_pool(ranked, is_first=not leads))
            self._taken.add(lead.number)
            leads.append(lead)
        return sorted(leads, key=lambda each: each.number) if self._mood.in_order else leads

    def _choose_pool(self, ranked: Sequence[Passage], *, is_first: bool) -> Sequence[Passage]:
        if self._mood.corrects:
            doubtful = [each for each in self._free(ranked) if self._is_doubtful(each)]
            if doubtful or not is_first:
                return doubtful or [each for each in self._free(self._near()) if self._is_doubtful(each)]
        if self._mood.query and not is_first and self._happens(0.6):
            sections = self._free(self._source.beginnings_of(self._mood.query))
            return self._rng.sample(sections, len(sections))  # none of them fits the query better than another
        return self._free(ranked)[: _TOP if is_first else None]

    def _free(self, passages: Iterable[Passage]) -> list[Passage]:
        return [each for each in passages if each.number not in self._taken]

    def _weigh(self, passage: Passage) -> float:
        figures = self._voice.figures if passage.number in self._source.with_figures else 1.0
        return figures if passage.number in self._source.beginnings else figures / 2

    def _is_doubtful(self, passage: Passage) -> bool:
        angles = self._source.angles_of(passage)
        return bool(angles.mistake or angles.claim)

    def _near(self) -> Sequence[Passage]:
        return self._source.near(self._brief.about)

    def _draw(self, pool: Sequence[Passage]) -> Passage:
        """One of the pool, the first ones likelier; without a pool any passage left, and at last an admission."""
        pool = pool or self._free(self._near())[:_TOP]
        if not pool:
            return Passage(_ADMISSION, "", "", self._new(wording.NOTHING_LEFT))
        weights = [self._weigh(each) / rank**1.5 for rank, each in enumerate(pool, start=1)]
        return self._rng.choices(pool, weights)[0]

    # What is asked and answered.

    def _ask(self, lead: Passage) -> tuple[str, _Reply]:
        if not self._is_english:
            return self._ask_without_words(lead), _Reply.QUESTION
        angles = self._source.angles_of(lead)
        if self._happens(max(self._mood.doubts, self._voice.doubts)) and (doubt := self._doubt(angles)):
            return doubt
        goes_on = lead.heading == self._heading
        if aspect := self._choose_aspect(angles, goes_on=goes_on):
            frames = wording.MORE_ABOUT if goes_on and aspect.kind is Kind.NOUN else wording.QUESTIONS[aspect.kind]
            return self._fill(frames, aspect.addressed), _Reply.QUESTION
        if goes_on or not self._brief.about:
            return self._new(wording.MORE_QUESTIONS), _Reply.MORE
        return self._fill(wording.MORE_ABOUT, self._brief.about.rstrip(".")), _Reply.MORE

    def _doubt(self, angles: Angles) -> tuple[str, _Reply] | None:
        if angles.mistake:
            return self._fill(wording.MISTAKE_QUESTIONS, angles.mistake), _Reply.MISTAKE
        if angles.claim and self._mood.corrects:
            return self._fill(wording.DISBELIEFS, angles.claim), _Reply.DISBELIEF
        if angles.claim:
            return self._fill(wording.CLAIM_QUESTIONS, angles.claim), _Reply.CLAIM
        return None

    def _choose_aspect(self, angles: Angles, *, goes_on: bool) -> Aspect | None:
        """Its heading when the conversation comes to it, its subject, or None: then the question is just "more"."""
        aspects: list[Aspect | None] = [angles.subject] if angles.subject else []
        if goes_on:
            aspects.append(None)
        elif angles.heading and angles.heading.plain not in self._said:
            self._said.add(angles.heading.plain)
            aspects += [angles.heading] * 2
        return self._rng.choice(aspects) if aspects else None

    def _ask_without_words(self, lead: Passage) -> str:
        """A question for knowledge in a language these words are not in: what it is about, and a question mark."""
        heading = lead.heading if lead.heading not in self._said else ""
        self._said.add(lead.heading)
        beginning = " ".join(lead.text.split()[:4]).rstrip(",;:.")
        return f"{heading.rstrip('?') or beginning}?"

    def _answer(self, lead: Passage, reply: _Reply, following: Passage | None) -> str:
        self._has_offered = False
        self._heading = lead.heading
        if lead.number == _ADMISSION:
            return lead.text
        texts = self._quote(lead)
        body = ("\n\n" if sum(map(len, texts)) > _PARAGRAPHS else " ").join(texts)
        if not self._is_english:
            return body
        share, intros = _INTROS[reply]
        if self._happens(share):
            body = f"{self._new(intros)} {body}"
        if following and following.number != _ADMISSION and self._happens(0.22):
            body = self._offer(body, lead, following)
        return body

    def _quote(self, lead: Passage) -> list[str]:
        self._taken.add(lead.number)
        texts = [lead.text]
        more = self._source.after(lead)
        for _ in range(self._rng.choice(self._voice.depth) - 1):
            if more is None or more.number in self._taken or sum(map(len, texts)) + len(more.text) > _LONG_ANSWER:
                break
            self._taken.add(more.number)
            texts.append(more.text)
            more = self._source.after(more)
        return texts

    def _offer(self, body: str, lead: Passage, following: Passage) -> str:
        heading = self._source.angles_of(following).heading
        if following.heading == lead.heading:
            offer = self._new(wording.MORE_OFFERS)
        elif heading and heading.kind in wording.OFFERS and heading.plain not in self._said:
            offer = self._new(wording.OFFERS[heading.kind]).replace("{}", heading.own)
        else:
            return body
        self._has_offered = True
        return f"{body} {offer}"

    # Small steps.

    def _say(self, question: str, answer: str) -> None:
        self._messages += (Message("user", question), Message("assistant", answer))

    def _happens(self, share: float) -> bool:
        return self._rng.random() < share

    def _new(self, options: Sequence[str]) -> str:
        """One that was not used in this conversation, while there is one."""
        option = self._rng.choice([each for each in options if each not in self._said] or options)
        self._said.add(option)
        return option

    def _fill(self, frames: Sequence[str], name: str) -> str:
        return _upper_first(self._new(frames).replace("{}", name))

    def _relax(self, text: str) -> str:
        """In lower case and without the last full stop, for a user who began that way."""
        if not self._is_casual:
            return text
        return _SENTENCE_START.sub(lambda start: start[0].lower(), text).removesuffix(".")


def _first(passages: Sequence[Passage]) -> Passage | None:
    return passages[0] if passages else None


def _finish(opener: str) -> str:
    """The opener, ready to be followed by a sentence."""
    if not opener or opener[-1] in ".!?:)":
        return opener
    return f"{opener}!" if opener.isupper() else f"{opener}."


def _join(lead: str, question: str) -> str:
    return f"{lead} {_lower_first(question) if lead.endswith((':', ',')) else question}"


def _lower_first(text: str) -> str:
    return text if text[1:2].isupper() or text[:2] in {"I ", "I'"} else text[:1].lower() + text[1:]


def _upper_first(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]
