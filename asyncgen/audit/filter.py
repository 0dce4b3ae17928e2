"""The lines worth keeping, byte for byte, in files of their own, each with its journal; the input is only read.

Near-duplicates are told by what the assistant says. Everything is decided before anything is written. What is held is,
for each line, a byte of verdict, eight of offset and eight of order. A split follows the shuffled order and gives whole
clusters of near-duplicates to one side, so that nothing the model was trained on comes back as validation.
"""

import random
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncgen.audit.measures.near_duplicates import NearDuplicates
from asyncgen.conversation import Conversation
from asyncgen.data.dataset import Dataset
from asyncgen.data.dropped import read_dropped
from asyncgen.data.filtered_journal import FilteredJournal
from asyncgen.data.target import check_target
from asyncgen.data.text import answers_text, whole_text
from asyncgen.data.whole_file import whole_files
from asyncgen.output.journal import Filtered
from asyncgen.output.paths import OutputPaths
from asyncgen.screen.bar import Advance, unseen
from asyncgen.text import one_line

SPLIT_THRESHOLD = 0.8  # Jaccard similarity from which two lines stay on one side of a split
MARKED = "marked as dropped"
DUPLICATE = "near-duplicate (--dedup)"
NO_CONVERSATION = "no conversation"
EXISTS = "exists; choose another file, or replace it with --overwrite"
PARTS = ("train", "validation")  # of a split
STEP = 256  # lines between two movements of the bar


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for. `broken`: lines by rule, in the order in which reasons are told; `split`: train's share."""

    clean: Path
    broken: Mapping[str, Sequence[int]]
    dedup: float | None = None
    split: float | None = None
    seed: int = 0
    keep_order: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """How many lines went where; `dropped` by reason, each line under the first that holds."""

    lines: int
    kept: Mapping[Path, int]
    dropped: Mapping[str, int]


def name_parts(clean: Path, *, is_split: bool) -> list[Path]:
    """The files to write: CLEAN itself, or its `.train` and `.validation` parts. Raises ConfigError."""
    path = OutputPaths.of(clean).output
    if not is_split:
        return [path]
    return [path.with_name(f"{path.stem}.{part}{path.suffix}") for part in PARTS]


def check_parts(dataset: Dataset, plan: Plan) -> list[Path]:
    """The files to write. Raises ConfigError for one that may not be written."""
    paths = name_parts(plan.clean, is_split=plan.split is not None)
    for path in paths:
        check_target(dataset, path, refusal=None if plan.overwrite else EXISTS)
    return paths


def filter_output(dataset: Dataset, plan: Plan, *, progress: Advance = unseen) -> Result:
    """Write what stays. Raises ConfigError before anything is written, OutputError when it cannot be."""
    paths = check_parts(dataset, plan)
    verdicts = _Verdicts(len(dataset), plan.broken)
    offsets, clusters = _judge(dataset, plan, verdicts, progress)
    kept = verdicts.kept()
    shuffled = array("i", kept)
    random.Random(plan.seed).shuffle(shuffled)  # noqa: S311 - to be repeated, not to be secret
    sides = bytearray(len(offsets)) if plan.split is None else _split(shuffled, clusters, plan.split)
    parts = [array("i") for _ in paths]
    for line in kept if plan.keep_order else shuffled:
        parts[sides[line]].append(line)
    result = Result(len(dataset), dict(zip(paths, map(len, parts), strict=True)), verdicts.count())
    _write(dataset, result, parts, offsets, progress)
    return result


class _Verdicts:
    """Why each line goes: by line number the place of its reason, 0 while it stays."""

    def __init__(self, lines: int, broken: Mapping[str, Sequence[int]]) -> None:
        self._reasons = [MARKED, *broken, DUPLICATE, NO_CONVERSATION]
        self._places = {reason: place for place, reason in enumerate(self._reasons, 1)}
        self._of_line = bytearray(lines + 1)
        for rule, numbers in broken.items():
            self.drop(rule, numbers)

    def drop(self, reason: str, lines: Iterable[int]) -> None:
        """A line that has several reasons is counted under the first in their order."""
        place = self._places[reason]
        for line in lines:
            self._of_line[line] = min(self._of_line[line] or place, place)

    def stays(self, line: int) -> bool:
        return not self._of_line[line]

    def kept(self) -> "array[int]":
        return array("i", (line for line in range(1, len(self._of_line)) if self.stays(line)))

    def count(self) -> dict[str, int]:
        counts = {reason: self._of_line.count(place) for reason, place in self._places.items()}
        return {reason: count for reason, count in counts.items() if count}


def _judge(
    dataset: Dataset, plan: Plan, verdicts: _Verdicts, progress: Advance
) -> tuple["array[int]", list[list[int]]]:
    """The offset of each line, by its number, and what a split must not part among those that stay."""
    marked = read_dropped(dataset.paths)
    copies = None if plan.dedup is None else NearDuplicates(plan.dedup)
    # What --dedup has thinned out from a lower similarity on holds nothing more to keep together.
    is_thin = plan.dedup is not None and plan.dedup <= SPLIT_THRESHOLD
    alike = None if plan.split is None or is_thin else NearDuplicates(SPLIT_THRESHOLD)
    compared = [each for each in (copies, alike) if each is not None]
    offsets = array("q", [-1]) * (len(dataset) + 1)
    for record in dataset.records():
        offsets[record.number] = record.offset
        if marked and dataset.digest_of(record.conversation) in marked:
            verdicts.drop(MARKED, [record.number])
        elif verdicts.stays(record.number):
            for each in compared:
                each.add(record.number, record.offset, _compared_text(record.conversation))
        if not record.number % STEP:
            progress("reading", record.offset, dataset.size)
    verdicts.drop(NO_CONVERSATION, (line for line in range(1, len(offsets)) if offsets[line] < 0))
    if compared:
        progress("comparing", 0, 0)

    def read(offset: int) -> str:
        return _compared_text(dataset.read(offset))

    verdicts.drop(DUPLICATE, () if copies is None else copies.superfluous(read))
    clusters = [] if alike is None else alike.clusters(read)
    together = ([line for line in cluster if verdicts.stays(line)] for cluster in clusters)
    return offsets, [cluster for cluster in together if len(cluster) > 1]


def _compared_text(conversation: Conversation) -> str:
    """What the model learns to say; where nobody answers, all there is."""
    return answers_text(conversation) or whole_text(conversation)


def _split(shuffled: Sequence[int], clusters: Sequence[Sequence[int]], share: float) -> bytearray:
    """By line number: 0 for train, 1 for validation, which takes clusters as they come until no more fit."""
    cluster_of = {line: cluster for cluster in clusters for line in cluster}
    sides = bytearray(max(shuffled, default=0) + 1)
    room = len(shuffled) - round(len(shuffled) * share)
    settled: set[int] = set()
    for line in shuffled:
        if line in settled:
            continue
        cluster = cluster_of.get(line, (line,))
        if len(cluster) > 1:
            settled.update(cluster)
        if len(cluster) <= room:
            room -= len(cluster)
            for each in cluster:
                sides[each] = 1
    return sides


def _write(
    dataset: Dataset,
    result: Result,
    parts: Sequence[Sequence[int]],
    offsets: Sequence[int],
    progress: Advance,
) -> None:
    """Copy the lines of each part to its path, and what the journal knows of them beside it.

    Raises ConfigError for a line whose bytes are not those that were judged, and leaves nothing behind.
    """
    paths = list(result.kept)
    journal = FilteredJournal(dataset) if dataset.header is not None else None
    journals = [OutputPaths(path).journal for path in paths]
    # The journals first: a line that is there is known.
    with dataset.open_lines() as lines, whole_files([*(journals if journal else ()), *paths]) as files:
        done, of = 0, sum(result.kept.values())
        for place, (file, numbers) in enumerate(zip(files[-len(paths) :], parts, strict=True)):
            for number in numbers:
                line = dataset.read_line(lines, offsets[number])
                dataset.check_line(number, line)
                file.write(line if line.endswith(b"\n") else line.rstrip(b"\0") + b"\n")  # the last one may lack it
                done += 1
                if not done % STEP:
                    progress("writing", done, of)
            if journal:
                story = _tell(dataset, result, PARTS[place] if len(paths) > 1 else None)
                journal.write(files[place], story, numbers, offsets, size=file.tell())
        if not journal:
            for each in journals:  # of an earlier filter, whose lines are about to go
                each.unlink(missing_ok=True)


def _tell(dataset: Dataset, result: Result, part: str | None) -> Filtered:
    totals = dataset.ledger.totals
    return Filtered(
        source=one_line(str(dataset.paths.output)),  # a journal holds no path that is not UTF-8
        lines=result.lines,
        left_out=dict(result.dropped),
        part=part,
        calls=totals.calls,
        cost=totals.cost,
        rejected=dict(totals.rejected.most_common()),
    )
