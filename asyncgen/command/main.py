"""argv to exit status: the flags, the commands, and the one place where an error becomes a line on stderr.

Commands import what they need when they are chosen, so that --help does not wait for an HTTP client.
"""

import argparse
import contextlib
import io
import itertools
import logging
import math
import os
import shlex
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from asyncgen import __version__
from asyncgen.command.flag_values import seed, whole
from asyncgen.did_you_mean import did_you_mean
from asyncgen.endpoint.presets import PROVIDERS
from asyncgen.errors import AsyncgenError, ConfigError, FatalError
from asyncgen.program import program
from asyncgen.text import one_line

INTERRUPTED = 130
USAGE = 2
MAX_AMOUNT = 20  # characters of a sum, so that products of it stay exact
MOST_DOLLARS = 10**9
LONGEST_MESSAGE = 2000  # characters
EPILOG = """\
try this first:
  asyncgen generate -n 3 --show   make three conversations and print them
  asyncgen plan -n 20k            what 20,000 of them would cover and cost
  asyncgen help COMMAND           the flags of a command
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; the whole usage would bury it.

    Flags are written out: an abbreviation would mean something else once a second flag begins like it.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        self.commands: Mapping[str, argparse.ArgumentParser] = {}

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Nothing may be unknown, and each parser says so for itself: it knows what would be right."""
        if self.commands and args:
            self._check_command(args[0])
        self._check_dashes(args)
        known, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown[0])
        return known, unknown

    def _check_command(self, word: str) -> None:
        if word in self.commands or word in self._option_string_actions:
            return
        if word.startswith("-"):
            hint = did_you_mean(word, self._option_string_actions) or f"; it follows one: {self.prog} COMMAND {word}"
            self.error(f"there is no flag {word} before a command{hint}")
        self.error(f"there is no command {word!r}{did_you_mean(word, self.commands)}")

    def _check_dashes(self, args: Sequence[str]) -> None:
        """Two lines that argparse misreads: -output FILE, as -o with the value "utput", and --output=--, as a list."""
        flags = self._option_string_actions
        for word in itertools.takewhile("--".__ne__, args):
            name, _, value = word.partition("=")
            if len(name) > len("-o") and name not in flags and f"-{name}" in flags:
                self.error(f"there is no flag {name}; did you mean -{name}?")
            if "--" in (value, word[len("-o") :]) and (name in flags or word[: len("-o")] in flags):
                self.error(f"{word}: -- is no value")

    def _refuse(self, word: str) -> NoReturn:
        name, equals, value = word.partition("=")
        flags = self._option_string_actions
        if word.startswith("-"):
            self.error(f"there is no flag {name}{did_you_mean(name, flags)}")
        if equals and (hint := did_you_mean(name, flags)):  # N=20000, as make has it
            self.error(f"{word} is no flag{hint.removesuffix('?')} {value}?")
        self.error(f"{word!r} belongs to no flag")

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {_sentence(message)} (see {self.prog} --help)\n")


class _LogFormatter(logging.Formatter):
    """A log is read on terminals too, and a path or a server's words may move their cursors."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


class _LogFile(logging.FileHandler):
    """Says once that its disk is full or gone: a run goes on without its log, and does not fill the screen."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")  # a path need not be UTF-8

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name in logging
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        _say_error(f"--log: {self.baseFilename} cannot be written: {error.strerror}; the run goes on without it")
        self.addFilter(lambda _: False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 stopped, 2 usage, 3 some failed, 130 interrupted."""
    argv = sys.argv[1:] if argv is None else list(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a Latin-1 terminal shows "?" where it has no character
    parser = build_parser()
    if any("\0" in each for each in argv):
        parser.error("no argument can hold a NUL")
    if not argv:
        parser.print_help(sys.stderr)
        return USAGE
    if argv[0] == "help":
        argv = [*argv[1:2], "--help"]
    flags = parser.parse_args(argv)
    try:
        status: int = flags.run(flags, f"{program()} {shlex.join(argv)}")
    except AsyncgenError as error:
        if getattr(flags, "debug", False):
            _print_trace(type(error), error, error.__traceback__)
        _say_error(str(error))
        return error.exit_status if isinstance(error, FatalError) else 1
    except KeyboardInterrupt:
        _say_error("interrupted")
        return INTERRUPTED
    except OSError as error:
        # Ours are translated where they arise: this is stdout, full or read by nobody. At exit it would complain again.
        sys.stdout = None
        if not isinstance(error, BrokenPipeError):
            _say_error(f"standard output: {error.strerror}")
        return 1
    return status


def script() -> NoReturn:
    _open_standard_streams()
    sys.excepthook = _print_trace
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # or somebody wants it to be ignored
        signal.signal(signal.SIGINT, _end_at_once)
    raise SystemExit(main())


def _open_standard_streams() -> None:
    """A descriptor 1 or 2 that was closed would be given to the first file opened, and prints would land in it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _end_at_once(*_: object) -> NoReturn:
    """What Ctrl-C does outside a run: an exception could be raised again while the first is being reported."""
    with contextlib.suppress(OSError):
        os.write(2, b"asyncgen: interrupted\n")
    os._exit(INTERRUPTED)


def _say_error(message: str) -> None:
    print(f"asyncgen: {_sentence(message)}", file=sys.stderr)  # noqa: T201


def _sentence(message: str) -> str:
    """The message on one line; of one that quotes a very long argument, how it begins and what to do."""
    half = LONGEST_MESSAGE // 2
    return one_line(message if len(message) <= LONGEST_MESSAGE else f"{message[:half]} ... {message[-half:]}")


def _print_trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """As Python does, but for what the message of an error may quote."""
    lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
    print(*map(one_line, lines), sep="\n", file=sys.stderr)  # noqa: T201


def build_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="asyncgen",
        description="Turn a knowledge base and a recipe into chat conversations.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", "-V", action="version", version=f"asyncgen {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    parser.commands = commands.choices
    _add_generate(_add_command(commands, "generate", "make conversations, going on where an earlier run stopped"))
    _add_plan(_add_command(commands, "plan", "show what a run would send and cover; spends nothing"))
    _add_status(_add_command(commands, "status", "show what is in an output; reads only"))
    _add_audit_commands(commands)
    _add_serve(_add_command(commands, "serve", "run the offline engine as a server on loopback"))
    return parser


def _add_command(commands: "argparse._SubParsersAction[_Parser]", name: str, purpose: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")


def _add_generate(parser: argparse.ArgumentParser) -> None:
    _add_request_flags(parser)
    add = parser.add_argument
    add("--output", "-o", type=Path, metavar="FILE", help="where the lines go (default: data/RECIPE.jsonl)")
    add(
        "--timeout", type=_seconds, default=300.0, metavar="S", help="seconds an answer may take (default: %(default)g)"
    )
    add("--retries", type=whole(0), default=8, metavar="N", help="retries of a call that fails (default: %(default)s)")
    add("--reasks", type=whole(0), default=3, metavar="N", help="further asks after a bad reply (default: %(default)s)")
    add(
        "--grace",
        type=_seconds_or_none,
        default=30.0,
        metavar="S",
        help="seconds that calls under way get after the first Ctrl-C (default: %(default)g)",
    )
    add(
        "--give-up",
        type=_seconds,
        default=600.0,
        metavar="S",
        help="stop when calls have only failed for so many seconds (default: %(default)g)",
    )
    add("--no-adaptive", action="store_true", help="keep --concurrency in flight (default: find what is served well)")
    add("--rpm", type=whole(1), metavar="N", help="requests a minute at most (default: no limit)")
    add("--tpm", type=whole(1), metavar="N", help="tokens a minute at most (default: no limit)")
    add("--save-metadata", action="store_true", help="write objects with messages and metadata (default: arrays)")
    add("--append", action="store_true", help="keep lines that were not made here (default: refuse them)")
    add("--overwrite", action="store_true", help="start anew; what is there is renamed, not deleted (default: go on)")
    add("--allow-changed", action="store_true", help="go on with a changed recipe or model (default: refuse)")
    add("--show", action="store_true", help="print the conversations made (default: only write them)")
    add("--log", type=Path, metavar="FILE", help="append retries, failures and notices to this file (default: none)")
    add("--quiet", action="store_true", help="show no progress (default: show it)")
    add("--debug", action="store_true", help="show a trace with an error, log in detail (default: one line)")
    parser.set_defaults(run=_generate)


def _add_request_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--num", "-n", type=whole(1), default=1000, metavar="N", help="conversations in all (default: %(default)s)")
    add(
        *("--concurrency", "--workers", "-c"),
        type=whole(1),
        default=256,
        metavar="N",
        help="requests in flight at most (default: %(default)s)",
    )
    add(
        "--recipe",
        default="nanochat",
        metavar="PATH",
        help="a recipe's folder, or a built-in one (default: %(default)s)",
    )
    add("--knowledge", type=Path, metavar="FILE", help="the knowledge base (default: the recipe's)")
    add("--seed", type=seed, metavar="N", help="another draw of scenarios (default: none)")
    add(
        "--provider",
        type=_provider,
        metavar="NAME",
        help=f"one of {', '.join(PROVIDERS)} (default: openrouter when its key is set, otherwise offline)",
    )
    add("--base-url", metavar="URL", help="any OpenAI-compatible endpoint (default: the provider's)")
    add("--insecure-http", action="store_true", help="send a key over plain http to any host (default: this machine)")
    add("--model", metavar="NAME", help="the model (default: the recipe's)")
    add("--temperature", type=_temperature, metavar="T", help="the sampling temperature (default: the recipe's)")
    add(
        "--param",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another request setting: dotted keys, JSON values, null removes it; may be repeated (default: none)",
    )
    add("--budget", type=_budget, metavar="USD", help="what all runs of the output may cost (default: no limit)")
    for flag, tokens in (("--price-in", "input"), ("--price-out", "output"), ("--price-cached", "cached input")):
        default = "--price-in" if flag == "--price-cached" else "what the provider tells"
        help_ = f"US dollars a million {tokens} tokens, where the provider reports no cost (default: {default})"
        add(flag, type=_price, metavar="USD", help=help_)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    _add_request_flags(parser)
    parser.add_argument("--requests", type=Path, metavar="FILE", help="write what would be sent (default: do not)")
    parser.add_argument("--index", type=whole(0), metavar="I", help="show one request in full (default: a summary)")
    parser.set_defaults(run=_plan)


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="an output of generate")
    parser.add_argument("--json", action="store_true", help="print one JSON object (default: a table)")
    parser.set_defaults(run=_status)


def _add_audit_commands(commands: "argparse._SubParsersAction[_Parser]") -> None:
    from asyncgen.command.audit import COMMANDS

    for each in COMMANDS:
        parser = _add_command(commands, each.name, each.purpose)
        each.add_arguments(parser)
        parser.set_defaults(run=each.run)


def _add_serve(parser: argparse.ArgumentParser) -> None:
    from asyncgen.offline.command import add_serve_arguments

    add_serve_arguments(parser)
    parser.set_defaults(run=_serve)


def _generate(flags: argparse.Namespace, command: str) -> int:
    from asyncgen.command.config import read_environment, read_generate_config
    from asyncgen.command.generate import generate

    config = read_generate_config(flags, read_environment(), command)
    _start_logging(config.log, debug=config.debug)
    return generate(config)


def _plan(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.command.config import knowledge_notices, read_environment, read_request_config
    from asyncgen.command.plan import plan

    config = read_request_config(flags, read_environment())
    for notice in knowledge_notices(flags, config.recipe):
        _say_error(notice)
    return plan(config, requests=flags.requests, index=flags.index)


def _status(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.command.status import status

    return status(flags.output, as_json=flags.json)


def _serve(flags: argparse.Namespace, _: str) -> int:
    from asyncgen.offline.command import serve

    return serve(flags)


def _start_logging(path: Path | None, *, debug: bool) -> None:
    logger = logging.getLogger("asyncgen")
    logger.propagate = False
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    if path is None:
        logger.addHandler(logging.NullHandler())
        return
    from asyncgen.output.paths import OWNER_ONLY

    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY))
        handler = _LogFile(path)
    except OSError as error:
        raise ConfigError(f"--log: {path} cannot be opened: {error.strerror}") from error
    handler.setFormatter(_LogFormatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)


def _provider(text: str) -> str:
    if text not in PROVIDERS:
        hint = did_you_mean(text, PROVIDERS)
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(PROVIDERS)}, got {text!r}{hint}")
    return text


def _number(text: str, *, above: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not above <= number < math.inf:
        raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
    return number


def _seconds(text: str) -> float:
    return _number(text, above=0.001, what="seconds above 0")


def _seconds_or_none(text: str) -> float:
    return _number(text, above=0, what="seconds, 0 or more")


def _budget(text: str) -> Decimal:
    return _dollars(text, least=Decimal("0.000001"), what="US dollars above 0")


def _price(text: str) -> Decimal:
    return _dollars(text, least=Decimal(0), what="US dollars, 0 or more")


def _dollars(text: str, *, least: Decimal, what: str) -> Decimal:
    try:
        amount = Decimal(text) if len(text) <= MAX_AMOUNT else Decimal("nan")
    except InvalidOperation:
        amount = Decimal("nan")
    if not (amount.is_finite() and least <= amount <= MOST_DOLLARS):
        raise argparse.ArgumentTypeError(f"expected {what}, got {text!r}")
    return amount


def _temperature(text: str) -> float:
    return _number(text, above=0, what="a temperature, 0 or more")
