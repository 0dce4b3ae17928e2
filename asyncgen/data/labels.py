"""What a person has answered to a judge's questions, beside the output: by it the judge is judged.

A line is `{"digest": ..., "questions": {"grounded": false}}`, the digest as in the grades. The file only grows: of two
answers to one question about one conversation the newer one counts.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from asyncgen.data.grades import Grades
from asyncgen.data.side_lines import append_lines, read_lines
from asyncgen.errors import ConfigError
from asyncgen.output.journal import DIGEST_SIZE
from asyncgen.output.paths import OutputPaths


class Label(msgspec.Struct, frozen=True):
    digest: str
    questions: Mapping[str, bool]


_decoder = msgspec.json.Decoder(Label)


def labels_path(paths: OutputPaths) -> Path:
    return paths.output.with_name(f"{paths.output.name}.labels.jsonl")


def append_label(paths: OutputPaths, digest: bytes, question: str, *, holds: bool) -> None:
    """Raises OutputError."""
    append_lines(labels_path(paths), msgspec.json.encode(Label(digest.hex(), {question: holds})) + b"\n")


def read_labels(paths: OutputPaths) -> dict[bytes, dict[str, bool]]:
    """By conversation. Raises ConfigError for a line that is no label."""
    path = labels_path(paths)
    labels: dict[bytes, dict[str, bool]] = {}
    for number, _, line in read_lines(path):
        try:
            label = _decoder.decode(line)
            digest = bytes.fromhex(label.digest)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path}: line {number} is no label: {error}; delete it") from error
        if len(digest) != DIGEST_SIZE:
            raise ConfigError(f"{path}: line {number} is no label: not a digest; delete it")
        labels.setdefault(digest, {}).update(label.questions)
    return labels


def compare_labels(grades: Grades, labels: Mapping[bytes, Mapping[str, bool]]) -> Iterator[tuple[str, bool, bool]]:
    """Each question that both have answered: its name, what the person says, what the judge says at first."""
    for grade in grades:
        for name, holds in labels.get(bytes.fromhex(grade.digest), {}).items():
            if (answer := grade.judgement.questions.get(name)) is not None:
                yield name, holds, answer.holds


def compare_twice(grades: Grades) -> Iterator[tuple[str, bool, bool]]:
    """Each question that a judge was asked twice: its name, what it has said at first, and then."""
    for grade in grades:
        for name, answer in () if grade.again is None else grade.again.questions.items():
            if (first := grade.judgement.questions.get(name)) is not None:
                yield name, first.holds, answer.holds
