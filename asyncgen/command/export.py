"""`asyncgen export`: its flags, and an output as trainers and hubs read it."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asyncgen.command.flag_values import portion
from asyncgen.command.interrupts import interrupts_raised
from asyncgen.command.output_flags import check_is_one_file, output_path
from asyncgen.command.parser import EXAMPLES, Parser, Sections
from asyncgen.errors import ConfigError
from asyncgen.export.formats import FORMATS, SPLITS, Split
from asyncgen.runs.values import seed, whole
from asyncgen.shards.address import local_path

if TYPE_CHECKING:
    from asyncgen.export.export import ExportPlan, Sources

ABOUT = (
    "Lines keep their order; OUTPUT itself is only read, and may also be a filtered file, the CLEAN of filter --split, "
    "or any file of conversations. Left out, and named, is what was marked as dropped in view and what trainers "
    "refuse: less than a question and an answer, roles out of turn, an end that is not the assistant's, a message "
    "without text. PATH is a file when it ends in .jsonl or .parquet, and otherwise a folder of train, valid and test. "
    "PATH.rows.jsonl says which line and index each row is. See asyncgen help formats."
)
_SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "test": "test",
}
CLOSING: Sections = {
    EXAMPLES: {
        "export data/nanochat.jsonl -o chats.jsonl": "an object a line, for TRL, axolotl, unsloth and most others",
        "export data/nanochat.jsonl -o chats --split valid=0.02": "chats/train.jsonl and chats/valid.jsonl, for mlx-lm "
        "and LLaMA-Factory too",
        "export clean.jsonl -o ~/.cache/nanochat/task_data/identity --to nanochat": "where nanochat looks for it",
        "export clean.jsonl -o hub --to hub --license cc-by-4.0 --push me/chats": "a private data set with its card",
    }
}


def add_arguments(parser: Parser) -> None:
    add = parser.add_argument
    add("output", type=_output, metavar="OUTPUT", help="an output of generate, or CLEAN of filter")
    add(
        *("--output", "-o"),
        type=local_path,
        required=True,
        metavar="PATH",
        dest="path",
        help="the file or folder to write (default: none, it has to be given)",
    )
    add(
        "--to",
        choices=FORMATS,
        default="messages",
        metavar="FORMAT",
        help=f"{', '.join(FORMATS)} (default: messages)",
    )
    add(
        "--system",
        type=local_path,
        metavar="FILE",
        help="begin each conversation with this system message (default: what the recipe names under [export])",
    )
    add(
        "--no-system",
        action="store_true",
        help="put no system message there (default: that of --system)",
    )
    add(
        "--metadata",
        action="store_true",
        help="add columns: conversation_id, index, each dimension, model (default: the conversation alone)",
    )
    add(
        "--split",
        type=_split,
        action="append",
        default=[],
        metavar="NAME=SHARE",
        help="put a share into valid or test, always the same conversations; may be repeated (default: all in train)",
    )
    add("--seed", type=seed, default=0, metavar="N", help="another split (default: %(default)s)")
    add(
        "--max-tokens",
        type=whole(1),
        metavar="N",
        help="say which conversations are longer, beside those above 1,024 and 2,048 (default: these alone)",
    )
    add("--drop-long", action="store_true", help="leave out what is longer than --max-tokens (default: keep it)")
    add(
        "--tokenizer",
        type=local_path,
        metavar="PATH",
        help="count tokens with this tokenizer.json or model folder (default: estimate them)",
    )
    add("--overwrite", action="store_true", help="replace PATH if it exists (default: refuse)")
    add = parser.add_argument_group("with --to hub").add_argument
    add("--license", metavar="ID", help="what the data card says, such as cc-by-4.0 (default: none, hub needs it)")
    add("--push", metavar="OWNER/NAME", help="upload the folder of --to hub to this data set (default: only write it)")
    add("--public", action="store_true", help="let everybody see a data set that --push makes (default: private)")
    add("--dry-run", action="store_true", help="do all but upload, and print the data card (default: upload)")


def run(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.export.export import export_output, open_sources
    from asyncgen.report.exported import print_export
    from asyncgen.screen.bar import shown_progress

    _check_flags(flags)
    check_is_one_file(flags.output)
    with interrupts_raised():
        sources = open_sources(flags.output)
        plan = _read_plan(flags, sources)
        with shown_progress() as progress:
            result = export_output(sources, plan, progress=progress)
        print_export(sources, plan, result)
        if flags.dry_run and flags.to == "hub":
            print(f"\n{(plan.path / 'README.md').read_text(encoding='utf-8')}")  # noqa: T201
        elif flags.push is not None:
            from asyncgen.export.hub import push_folder

            print(f"uploaded to {push_folder(plan.path, flags.push, is_public=flags.public)}")  # noqa: T201
        return 0


def _check_flags(flags: argparse.Namespace) -> None:
    """Raises ConfigError."""
    for flag in ("license", "push", "public", "dry_run"):
        if getattr(flags, flag) and flags.to != "hub":
            raise ConfigError(f"--{flag.replace('_', '-')} goes with --to hub")
    if flags.to == "hub" and flags.license is None:
        raise ConfigError(
            "--to hub: --license has to name the licence of the data, such as cc-by-4.0, or say unknown or other"
        )
    if flags.push is not None:
        from asyncgen.export.hub import check_repository

        check_repository(flags.push)
    if flags.system is not None and flags.no_system:
        raise ConfigError("--system adds a message that --no-system leaves out: give one of them")
    if flags.drop_long and flags.max_tokens is None:
        raise ConfigError("--drop-long: nothing says what is long; give --max-tokens, too")


def _read_plan(flags: argparse.Namespace, sources: "Sources") -> "ExportPlan":
    from asyncgen.export.export import UNNAMED, ExportPlan
    from asyncgen.export.tokens import estimate_tokens, load_tokenizer
    from asyncgen.output.paths import OutputPaths

    return ExportPlan(
        path=OutputPaths.of(flags.path).output,
        format=FORMATS[flags.to],
        system=_find_system(flags, sources),
        metadata=flags.metadata,
        splits=_complete(flags.split),
        seed=flags.seed,
        max_tokens=flags.max_tokens,
        drops_long=flags.drop_long,
        count_tokens=estimate_tokens if flags.tokenizer is None else load_tokenizer(flags.tokenizer),
        overwrite=flags.overwrite,
        licence=flags.license or "unknown",
        repository=flags.push or UNNAMED,
    )


def _find_system(flags: argparse.Namespace, sources: "Sources") -> str | None:
    """That of the flag, or else of the recipe, where the format has a place for it. Raises ConfigError."""
    if flags.no_system:
        return None
    if flags.system is None:
        recipes = [each.recipe for each in sources.values() if each.recipe is not None]
        return recipes[0].export_system if recipes and FORMATS[flags.to].takes_system else None
    from asyncgen.recipe.text_file import UnreadableError, read_file

    try:
        text = read_file(flags.system).strip()
    except UnreadableError as error:
        raise ConfigError(f"--system: {flags.system}: it {error}") from error
    if not text:
        raise ConfigError(f"--system: {flags.system} is empty; --no-system leaves the message out")
    if "{knowledge}" in text or "<!--" in text:
        raise ConfigError(
            f"--system: {flags.system} is a prompt for the model that writes conversations, with placeholders or "
            "remarks; name a file that tells the assistant who it is, and nothing else"
        )
    return text


def _complete(given: Sequence[tuple[Split, float]]) -> dict[Split, float]:
    """The shares in the order of the splits; train takes what the others leave. Raises ConfigError."""
    shares = dict(given)
    if len(shares) < len(given):
        raise ConfigError("--split: a name is there twice; give each of train, valid and test one share")
    others = sum(share for name, share in shares.items() if name != "train")
    train = shares.get("train", 1 - others)
    if given and (others >= 1 or abs(train + others - 1) > 1e-9):  # noqa: PLR2004 - what sums of decimals are off by
        raise ConfigError("--split: the shares have to leave something to train, and to make 1 with it if it is named")
    if not given:
        return {}
    named = {"train": 1 - others, **shares}
    return {name: named[name] for name in SPLITS if name in named}


def _output(text: str) -> Path:
    """What `filter --split` was told to write has not its own name, but that of its parts."""
    path = Path(text)
    folder, stem = path.parent, path.stem
    is_parted = any(os.path.exists(folder / f"{stem}.{each}{path.suffix}") for each in SPLITS)  # noqa: PTH110 - Path's raises for a long name
    return path if path.name and is_parted else output_path(text)


def _split(text: str) -> tuple[Split, float]:
    name, equals, share = text.partition("=")
    number = portion(share)
    if not (equals and name in _SPLIT_NAMES and 0 < number <= 1):
        raise argparse.ArgumentTypeError(
            f"expected train, valid or test, = and a share such as 0.02 or 2%, got {text!r}"
        )
    return _SPLIT_NAMES[name], number
