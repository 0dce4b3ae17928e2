"""Requests to conversations: how one opens, what is asked next, which passages answer.

The passages that lead the answers are chosen first, by the ranking for the subject; the questions are then fitted to
the passages. That order is what makes every answer an answer. Everything drawn comes from one generator seeded by
the request's own text, so the same request gets the same conversation from any process.
"""

import hashlib
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from asyncgen.offline import phrases
from asyncgen.offline.brief import Brief, Message, read_brief
from asyncgen.offline.library import Library, Passage
from asyncgen.offline.questions import Angles, Opener, Questions

_KNOWLEDGE_KEPT = 4
_DIGEST_SIZE = 12  # bytes; it is also the visible part of an answer's id
_TOP = 6  # passages of a ranking from which the first answer is drawn
_ENGLISH = {"", "en", "english"}  # as a scenario names it, if it does
_PARAGRAPHS = 320  # characters: a longer answer of two passages is set in paragraphs
_NAMED = 60  # characters of a heading that a question takes in
_SENTENCE_START = re.compile(r"(?:^|(?<=[.!?:] ))[A-Z](?=[a-z' ])")


class Author:
    """Writes conversations. Close it: each of the few knowledge bases it keeps ready holds an index."""

    def __init__(self) -> None:
        self._kept: dict[str, Questions] = {}

    def write(self, messages: Sequence[Message], digest: bytes) -> list[Message]:
        """The conversation for a request's messages (at least one), drawn from the request's digest."""
        brief = read_brief(messages)
        if brief.knowledge not in self._kept:
            if len(self._kept) == _KNOWLEDGE_KEPT:
                self.close()
            self._kept[brief.knowledge] = Questions(Library(brief.knowledge))
        rng = random.Random(digest)  # noqa: S311 - repeatable, not secret
        return _Draft(brief, self._kept[brief.knowledge], rng).write()

    def close(self) -> None:
        while self._kept:
            self._kept.popitem()[1].library.close()


def digest_request(messages: Iterable[Message], seed: int | None) -> bytes:
    """What makes two requests the same: roles, contents and the seed asked for."""
    digest = hashlib.sha256(repr(seed).encode())
    for message in messages:
        digest.update(f"\0{message.role}\0{message.content}".encode("utf-8", "surrogatepass"))
    return digest.digest()[:_DIGEST_SIZE]


class _Draft:
    """Writes one conversation, drawing from `rng` in a fixed order. No passage is quoted twice."""

    def __init__(self, brief: Brief, questions: Questions, rng: random.Random) -> None:
        self._brief = brief
        self._questions = questions
        self._library = questions.library
        self._is_english = self._library.is_english and brief.language in _ENGLISH
        self._voice = phrases.VOICES.get(brief.language)
        self._rng = rng
        self._about = self._library.most_known(brief.candidates) or brief.about
        mood = f"{brief.dynamic} {brief.persona}"
        self._doubts = 0.6 if phrases.DOUBTFUL.search(mood) else 0.2  # how often a question holds a statement
        self._reactions = [each for pattern, words in phrases.REACTIONS if pattern.search(mood) for each in words]
        self._greetings, self._intros, self._nothing_left = phrases.GREETINGS, phrases.INTROS, phrases.NOTHING_LEFT
        if self._voice:
            self._reactions = [*self._voice.reactions]
            self._greetings, self._intros = self._voice.greetings, self._voice.intros
            self._nothing_left = self._voice.nothing_left
        self._taken: set[int] = set()
        self._said: set[str] = set()

    def write(self) -> list[Message]:
        count = self._rng.choice(self._brief.lengths) // 2
        openers = [self._questions.read_opener(text) for text in self._brief.openers] or [Opener()]
        if count == 1:  # a question of its own leaves the subject little room in a single answer
            openers += [each for each in openers if not each.answer] * 2
        opener = self._rng.choice(openers)
        if not self._is_english:
            opener = replace(opener, answer=None, is_foreign=False)
        self._taken.update({opener.answer.number} if opener.answer else ())
        has_words = self._is_english or self._voice is not None
        may_greet = bool(opener.text) and has_words and not opener.text.endswith("?")
        stands_alone = count > 1 and (bool(opener.answer) or (may_greet and self._happens(0.35)))
        stands_alone = stands_alone and not self._brief.is_again  # it may have been said to copy
        ranked = self._library.rank(self._about)[: max(_TOP, 2 * count + 3) + len(self._taken)]
        leads = [self._draw(ranked if position else ranked[:_TOP]) for position in range(count - stands_alone)]
        if not stands_alone:
            said = [self._attach_question(opener, leads.pop(0))]
        elif opener.answer:
            said = [(opener.text, self._answer(opener.answer, phrases.INTROS))]
        else:
            said = [(opener.text, self._new(phrases.FOREIGN_REPLIES if opener.is_foreign else self._greetings))]
        for lead in leads:
            is_reply = len(said) > 1 or bool(opener.answer) or not stands_alone  # a greeting tells nothing to react to
            question, intros = self._ask(lead, is_first=not is_reply)
            if has_words and is_reply and self._happens(0.75):
                question = f"{self._new(self._reactions)} {question}"
            said.append((_relax(question, opener), self._answer(lead, intros)))
        return [Message(role, text) for pair in said for role, text in zip(("user", "assistant"), pair, strict=True)]

    def _attach_question(self, opener: Opener, lead: Passage | None) -> tuple[str, str]:
        question, intros = self._ask(lead, is_first=not opener.answer)
        answer = self._answer(lead, intros)
        if opener.answer:
            question = question if question.startswith("I ") else question[:1].lower() + question[1:]
            question = f"{self._new(phrases.CONNECTORS)} {question}"
            answer = f"{opener.answer.text}\n\n{answer}"
        elif opener.is_foreign:
            answer = f"{self._new(phrases.FOREIGN_REPLIES)} {answer}"
        greeting = opener.text
        if greeting and greeting[-1] not in ".!?:)":  # a sentence follows it
            greeting += "!" if greeting.isupper() else "."
        return f"{greeting} {_relax(question, opener)}".strip(), answer

    def _draw(self, ranked: Sequence[Passage]) -> Passage | None:
        """One of the ranked that are free, the first ones likelier; without these one of those near the subject."""
        pool = [each for each in ranked if each.number not in self._taken]
        if not pool:
            near = self._library.near(self._about)
            pool = [each for each in near if each.number not in self._taken][:_TOP]
        if not pool:
            return None
        lead = self._rng.choices(pool, [1 / rank for rank in range(1, len(pool) + 1)])[0]
        self._taken.add(lead.number)
        return lead

    def _ask(self, lead: Passage | None, *, is_first: bool = False) -> tuple[str, Sequence[str]]:
        """A question for the passage, and the words that its answer may begin with."""
        angles = self._questions.angles[lead.number] if lead else Angles()
        if not self._is_english:
            return self._ask_plainly(angles.bare, is_first=is_first), self._intros if self._voice else ()
        if angles.mistake and self._happens(self._doubts):
            return self._new(phrases.MISTAKES).replace("{}", angles.mistake), phrases.CORRECTIONS
        if angles.claim and self._happens(self._doubts):
            return self._new(phrases.CLAIMS).replace("{}", angles.claim), phrases.CONFIRMATIONS
        if not angles.phrase or angles.phrase in self._said:
            return self._new(phrases.OPENING_QUESTIONS if is_first else phrases.MORE_QUESTIONS), phrases.INTROS
        self._said.add(angles.phrase)
        named = angles.phrase.removeprefix("about ")
        if named != angles.phrase and self._happens(0.6):
            return self._new(phrases.NAMED_QUESTIONS).replace("{}", named), phrases.INTROS
        return self._new(phrases.QUESTIONS).replace("{}", angles.phrase), phrases.INTROS

    def _ask_plainly(self, bare: str, *, is_first: bool) -> str:
        """By the name of the passage where it has one that is short, and where that is in the language."""
        if self._voice is None:
            return bare or "?"
        subject = bare.removesuffix("?")
        if not subject or len(subject) > _NAMED or self._library.is_english:
            return self._new(self._voice.openings if is_first else self._voice.more)
        return self._new(self._voice.named).replace("{}", subject)

    def _answer(self, lead: Passage | None, intros: Sequence[str]) -> str:
        if lead is None:
            return self._new(self._nothing_left)
        texts = [lead.text]
        more = self._library.after(lead)
        if more and more.number not in self._taken and self._happens(0.4):
            self._taken.add(more.number)
            texts.append(more.text)
        body = ("\n\n" if sum(map(len, texts)) > _PARAGRAPHS else " ").join(texts)
        is_introduced = intros and self._happens(0.5 if intros is self._intros else 1)
        return f"{self._new(intros)} {body}" if is_introduced else body

    def _happens(self, share: float) -> bool:
        return self._rng.random() < share

    def _new(self, options: Sequence[str]) -> str:
        """One that was not used in this conversation, while there is one."""
        option = self._rng.choice([each for each in options if each not in self._said] or options)
        self._said.add(option)
        return option


def _relax(text: str, opener: Opener) -> str:
    """In lower case and without the last full stop, for a user who began that way."""
    if not opener.text or opener.text != opener.text.lower():
        return text
    return _SENTENCE_START.sub(lambda start: start[0].lower(), text).removesuffix(".")
