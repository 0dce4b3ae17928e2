"""One pass over an output: each conversation checked, measured, and written as a row, in the order of the lines.

What is held is what a data set holds of its lines; rows go to the disk as they come. The same output and the same
flags give the same bytes.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeAlias

from asyncgen.conversation import BLAKE2B, Conversation, Message, digest_conversation, encode_document
from asyncgen.data.dataset import Dataset, Record
from asyncgen.data.dropped import read_dropped
from asyncgen.errors import ConfigError
from asyncgen.export.card import write_card
from asyncgen.export.checks import Tally, describe_limits, find_fault
from asyncgen.export.columns import Column, Metadata, name_columns
from asyncgen.export.formats import SPLITS, Format, Row, Split
from asyncgen.export.staging import MADE, ROWS, check_place, create, make_folder, staged
from asyncgen.export.tokens import CUTS, CountTokens, estimate_tokens
from asyncgen.output.paths import OutputPaths
from asyncgen.screen.bar import Advance, unseen
from asyncgen.text import quantity

DROPPED = "marked as dropped"
DAMAGED = "no conversation"
UNFINISHED = "an unfinished last line"
# No folder is called so on purpose.
FILE_SUFFIXES = frozenset({".jsonl", ".ndjson", ".json", ".parquet", ".csv", ".tsv", ".txt", ".gz", ".zip", ".arrow"})
UNNAMED = "OWNER/NAME"  # a repository until it has a name
STEP = 256  # lines between two movements of the bar


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What is asked for.

    `splits`: shares of the output by split, empty where it is not parted. `system`: put before each conversation that
    has none of its own. `max_tokens` and `drops_long`: what is longer is counted, or left out too.
    """

    path: Path
    format: Format
    system: str | None = None
    metadata: bool = False
    splits: Mapping[Split, float] = field(default_factory=dict)
    seed: int = 0
    max_tokens: int | None = None
    drops_long: bool = False
    count_tokens: CountTokens = estimate_tokens
    overwrite: bool = False
    licence: str = "unknown"
    repository: str = UNNAMED

    @property
    def is_file(self) -> bool:
        """Whether PATH names a single file; otherwise it is a folder."""
        return self.path.suffix.lower() == self.format.suffix

    def choose_split(self, conversation: Conversation) -> Split:
        """By the conversation alone, so that it stays on its side whatever comes or goes, and in whichever journal.

        What is not validation nor test is train: another split takes from it alone.
        """
        salt = self.seed.to_bytes(blake2b.SALT_SIZE, "big", signed=True)
        digest = blake2b(digest_conversation(conversation, BLAKE2B), digest_size=8, salt=salt).digest()
        place = int.from_bytes(digest, "big") / 2**64
        for split in SPLITS[1:]:
            place -= self.splits.get(split, 0)
            if place < 0:
                return split
        return SPLITS[0]


@dataclass(slots=True)
class ExportResult:
    """`files`: rows by file, with `companions` beside them. `left_out`: by reason. `long`: by tokens, who has more.

    `own_system`: conversations that have a system message and keep it. `notes`: who does not take so much or so little.
    """

    files: dict[Path, int] = field(default_factory=dict)
    left_out: dict[str, Tally] = field(default_factory=dict)
    long: dict[int, Tally] = field(default_factory=dict)
    longest: int = 0
    own_system: Tally = field(default_factory=Tally)
    notes: list[str] = field(default_factory=list)
    companions: list[Path] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(self.files.values())

    def leave_out(self, reason: str, line: str) -> None:
        self.left_out.setdefault(reason, Tally()).add(line)


Sources: TypeAlias = Mapping[Split, Dataset]


def open_sources(output: Path) -> Sources:
    """The output itself, as `train`, or the parts into which a filter has split it. Raises ConfigError."""
    path = OutputPaths.of(output).output
    if not path.exists():
        parts: dict[Split, Path] = {split: path.with_name(f"{path.stem}.{split}{path.suffix}") for split in SPLITS}
        found = {split: part for split, part in parts.items() if part.is_file()}
        if found:
            return {split: Dataset.open(part) for split, part in found.items()}
    return {"train": Dataset.open(output)}


def check_plan(sources: Sources, plan: ExportPlan) -> None:
    """Raises ConfigError for what cannot be written, before anything is."""
    splits = plan.splits or sources
    if plan.splits and len(sources) > 1:
        raise ConfigError(f"--split: a filter has parted it already, into {' and '.join(sources)}; leave it out")
    if plan.is_file and len(splits) > 1:
        raise ConfigError(f"--output: {plan.path} is one file, and there are {len(splits)} splits: name a folder")
    name = plan.format.name
    if plan.metadata and not plan.format.takes_metadata:
        raise ConfigError(f"--metadata: rows of {name} have no place for it; leave it out, or choose another --to")
    if plan.system is not None and not plan.format.takes_system:
        raise ConfigError(f"--system: rows of {name} have no place for a system message; leave it out")
    check_place(list(sources.values()), plan.path, is_file=plan.is_file, overwrite=plan.overwrite)
    if not plan.is_file and plan.path.suffix.lower() in FILE_SUFFIXES:
        or_file = f"a file that ends in {plan.format.suffix}, or " if plan.format.suffix else ""
        raise ConfigError(
            f"--output: {plan.path} looks like a file, and {name} is {or_file}a folder; choose another name or "
            "another --to"
        )


def export_output(sources: Sources, plan: ExportPlan, *, progress: Advance = unseen) -> ExportResult:
    """Write it. Raises ConfigError when nothing can be written, OutputError when the disk is at fault."""
    check_plan(sources, plan)
    with staged(plan.path) as stage:
        return _Pass(sources, plan, stage).run(progress)


class _Writer(Protocol):
    """`files`: what has been written and how many rows each holds, once it is closed."""

    files: list[tuple[Path, int]]

    def add(self, conversation: Conversation, values: Mapping[str, object], /) -> None: ...

    def close(self) -> None: ...


class _LineWriter:
    """Rows as JSON, one a line."""

    def __init__(self, path: Path, to_row: Callable[[Conversation], Row]) -> None:
        self.files: list[tuple[Path, int]] = []
        self._path = path
        self._to_row = to_row
        self._file = create(path)
        self._rows = 0

    def add(self, conversation: Conversation, values: Mapping[str, object]) -> None:
        row = self._to_row(conversation)
        self._file.write(encode_document({**row, **values} if isinstance(row, dict) else row))
        self._rows += 1

    def close(self) -> None:
        self._file.close()
        self.files = [(self._path, self._rows)]


def _open_writer(path: Path, plan: ExportPlan, columns: Sequence[Column]) -> _Writer:
    if plan.format.to_row is not None:
        return _LineWriter(path, plan.format.to_row)
    from asyncgen.export.parquet import BYTES_PER_SHARD, ParquetWriter  # noqa: PLC0415 - an extra, and large

    return ParquetWriter(path, columns, shard_size=None if plan.is_file else BYTES_PER_SHARD)


class _Pass:
    """Over all sources, into `stage`, from where all of it goes to its place."""

    def __init__(self, sources: Sources, plan: ExportPlan, stage: Path) -> None:
        self._sources = sources
        self._plan = plan
        self._stage = stage
        self._columns = name_columns(list(sources.values())) if plan.metadata else []
        limits = {*CUTS, *([] if plan.max_tokens is None else [plan.max_tokens])}
        self._result = ExportResult(long={each: Tally() for each in sorted(limits)})
        self._rows: dict[Split, int] = dict.fromkeys(plan.splits or sources, 0)
        self._has_system = False

    def run(self, progress: Advance) -> ExportResult:
        writers = {split: _open_writer(self._stage / split, self._plan, self._columns) for split in self._rows}
        with ExitStack() as stack:
            for each in writers.values():
                stack.callback(each.close)
            sidecar = stack.enter_context(create(self._stage / ROWS))
            for source, dataset in self._sources.items():
                metadata = Metadata(dataset, self._columns) if self._columns else None
                for record, digest, conversation in self._choose(dataset, progress):
                    split = self._plan.choose_split(record.conversation) if self._plan.splits else source
                    writers[split].add(conversation, {} if metadata is None else metadata.of(record, digest))
                    row = {"split": split, "row": self._rows[split], "line": record.number, "index": record.index}
                    sidecar.write(encode_document(row))
                    self._rows[split] += 1
        output = " and ".join(str(each.paths.output) for each in self._sources.values())
        if not sum(self._rows.values()):
            why = "; ".join(f"{tally.count:,} {reason}" for reason, tally in self._result.left_out.items())
            raise ConfigError(f"{output}: there is nothing to write{f' ({why})' if why else ''}")
        if empty := [split for split, rows in self._rows.items() if not rows]:
            raise ConfigError(f"{output}: {empty[0]} would have no row; give it a larger share by --split")
        files = {split: each.files for split, each in writers.items()}
        for path, rows in files.get("train", ()):
            self._result.notes += describe_limits(self._plan.format.name, rows=rows, size=path.stat().st_size)
        self._place(files)
        return self._result

    def _choose(self, dataset: Dataset, progress: Advance) -> Iterator[tuple[Record, bytes, Conversation]]:
        """The records that stay, each with its digest and with what is to be written of it."""
        result, plan = self._result, self._plan
        of = f" of {dataset.paths.output.name}" if len(self._sources) > 1 else ""
        dropped = read_dropped(dataset.paths)
        for number in dataset.damaged:
            result.leave_out(DAMAGED, f"{number}{of}")
        if dataset.unfinished is not None:
            result.leave_out(UNFINISHED, f"{dataset.unfinished}{of}")
        for record in dataset.records():
            if not record.number % STEP:
                progress("writing", record.offset, dataset.size)
            digest, line = dataset.digest_of(record.conversation), f"{record.number}{of}"
            if digest in dropped:
                result.leave_out(DROPPED, line)
                continue
            conversation = record.conversation
            if plan.system is not None and conversation[0].role == "system":
                result.own_system.add(line)
            elif plan.system is not None:
                conversation = (Message("system", plan.system), *conversation)
            self._has_system |= conversation[0].role == "system"
            if fault := find_fault(conversation, takes_system=plan.format.takes_system):
                result.leave_out(fault, line)
            elif self._is_too_long(conversation, line):
                result.leave_out(f"longer than {quantity(plan.max_tokens or 0, 'token')}", line)
            else:
                yield record, digest, conversation

    def _is_too_long(self, conversation: Conversation, line: str) -> bool:
        tokens = self._plan.count_tokens(conversation)
        most = self._plan.max_tokens
        if most is not None and self._plan.drops_long and tokens > most:
            return True
        self._result.longest = max(self._result.longest, tokens)
        for limit, tally in self._result.long.items():
            if tokens > limit:
                tally.add(line)
        return False

    # ---- where everything goes

    def _place(self, files: Mapping[Split, Sequence[tuple[Path, int]]]) -> None:
        plan, made = self._plan, self._stage / MADE
        if plan.is_file:
            ((path, rows),) = files["train" if "train" in files else next(iter(files))]
            path.rename(made)
            self._result.files[plan.path] = rows
            return
        make_folder(made)
        for split, parts in files.items():
            for number, (path, rows) in enumerate(parts):
                name = plan.format.name_file(split, number, len(parts))
                make_folder((made / name).parent)
                path.rename(made / name)
                self._result.files[plan.path / name] = rows
        for name, text in self._companions(files):
            with create(made / name) as file:
                file.write(text.encode())
            self._result.companions.append(plan.path / name)

    def _companions(self, files: Mapping[Split, Sequence[object]]) -> Iterator[tuple[str, str]]:
        """What a reader wants beside the rows, by name."""
        plan = self._plan
        if plan.format.tags is not None:
            # With `formatting` openai LLaMA-Factory would put a system prompt of its own before every row.
            column, *tags = plan.format.tags.items()
            entries = {
                plan.path.name if split == "train" else f"{plan.path.name}_{split}": {
                    "file_name": plan.format.name_file(split),
                    "formatting": "sharegpt",
                    "columns": {"messages": column[1]},
                    "tags": dict(tags),
                }
                for split in files
            }
            yield "dataset_info.json", json.dumps(entries, indent=2) + "\n"
        if plan.format.name == "nanochat":
            for split, parts in files.items():
                names = [Path(plan.format.name_file(split, number, len(parts))) for number in range(len(parts))]
                yield f"{names[0].parent}/manifest.json", json.dumps([each.name for each in names])
        if plan.format.name == "hub":
            yield (
                "README.md",
                write_card(
                    self._sources,
                    rows=self._rows,
                    left_out=[(reason, tally.count) for reason, tally in self._result.left_out.items()],
                    columns=[each.name for each in self._columns],
                    has_system=self._has_system,
                    licence=plan.licence,
                    name=plan.repository.rpartition("/")[2] if plan.repository != UNNAMED else plan.path.name,
                    repository=plan.repository,
                ),
            )
