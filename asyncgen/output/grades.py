"""A line of a file of grades: what a judge has found in one conversation, which is named by its digest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from asyncgen.conversation import XXH3
from asyncgen.output.journal import DIGEST_SIZE
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.judge import CLAIMS

GRADE_HASH = XXH3  # of the digests, whatever the journal of the conversations has


SUPPORTED, CONTRADICTED = "supported", "contradicted"


class Claim(msgspec.Struct, frozen=True):
    """Something that the assistant states. `sentence`: that of the knowledge base which decides; "" for "absent"."""

    text: str
    verdict: Literal["supported", "contradicted", "absent"]
    sentence: str = ""


class Answer(msgspec.Struct, frozen=True):
    """To a yes-no question. `evidence`: what it hangs on, a piece of the conversation or a reason in a few words."""

    holds: bool
    evidence: str = ""


class Judgement(msgspec.Struct, frozen=True):
    claims: Sequence[Claim]
    questions: Mapping[str, Answer]

    def score(self, name: str) -> float | None:
        """From 0 to 1: whether a question is answered with yes, or the share of claims that are supported."""
        if name == CLAIMS:
            supported = sum(each.verdict == SUPPORTED for each in self.claims)
            return supported / len(self.claims) if self.claims else 1.0
        answer = self.questions.get(name)
        return None if answer is None else float(answer.holds)


class Grade(msgspec.Struct, frozen=True, omit_defaults=True):
    """`digest`: of the conversation, in hexadecimal digits. `again`: what the judge said when asked once more."""

    digest: str
    model: str
    judgement: Judgement
    again: Judgement | None = None

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        return (self.judgement,) if self.again is None else (self.judgement, self.again)

    def score(self, name: str) -> float | None:
        """The mean where it was asked twice; None where it was not asked."""
        scores = [score for each in self.judgements if (score := each.score(name)) is not None]
        return sum(scores) / len(scores) if scores else None


def names_below(graded: Judgement | Grade, scores: Iterable[tuple[str, float]]) -> list[str]:
    """What is scored below what is asked of it; `scores`: by question the least that is good enough."""
    told = ((name, graded.score(name), least) for name, least in scores)
    return [name for name, score, least in told if score is not None and score < least]


class _Named(msgspec.Struct):
    digest: str


_decoder = msgspec.json.Decoder(Grade)
_named_decoder = msgspec.json.Decoder(_Named)


def grades_paths(output: OutputPaths) -> OutputPaths:
    """Where the grades of an output stand."""
    return OutputPaths(output.output.with_name(f"{output.output.name}.grades.jsonl"))


def decode_grade(line: bytes) -> Grade:
    """Raises ValueError."""
    grade = _decoder.decode(line)
    digest_grade(line)
    return grade


def digest_grade(line: bytes) -> bytes:
    """The digest of the conversation that a line is about, by which the journal knows it. Raises ValueError."""
    digest = bytes.fromhex(_named_decoder.decode(line).digest)
    if len(digest) != DIGEST_SIZE:
        raise ValueError("not a digest")
    return digest
