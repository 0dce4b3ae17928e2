"""The flags of `asyncgen serve` and `python -m asyncgen.offline`, one for each knob.

The server is imported only to be run, so that `--help` does not wait for it.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from decimal import Decimal, InvalidOperation

from asyncgen.errors import ConfigError
from asyncgen.offline.batch_knobs import BatchKnobs, batch_flag
from asyncgen.offline.knob import flag_of
from asyncgen.offline.knobs import Knobs

_MAX_PORT = 65535


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0, help="port on loopback, 0 for a free one (default: %(default)s)")
    for each in fields(Knobs):
        if each.name != "batches":
            _add_argument(parser, flag_of(each.name), each)
    parser.add_argument(
        "--batches",
        action="store_true",
        help="serve files and batches, as OpenAI and OpenRouter have them (default: off)",
    )
    for each in fields(BatchKnobs):
        _add_argument(parser, batch_flag(each.name), each)
    parser.add_argument(
        "--exit-with-stdin", action="store_true", help="end when standard input is closed (default: run until Ctrl-C)"
    )


def serve(flags: argparse.Namespace) -> int:
    """Serves until told to end; the base URL is one line on stdout. Raises FatalError."""
    from asyncgen.offline.process import run_server  # noqa: PLC0415 - a help text need not wait for it

    if not 0 <= flags.port <= _MAX_PORT:  # uvloop would take it modulo 65536
        raise ConfigError(f"--port: expected 0 to {_MAX_PORT}, got {flags.port}")
    batches = read_batch_knobs(flags)
    knobs = Knobs(
        **{each.name: getattr(flags, each.name) for each in fields(Knobs) if each.name != "batches"}, batches=batches
    )
    run_server(knobs, flags.port, exit_with_stdin=flags.exit_with_stdin)
    return 0


def read_batch_knobs(flags: argparse.Namespace) -> BatchKnobs | None:
    """None without batches. Raises ConfigError."""
    given = {each.name: getattr(flags, f"batch_{each.name}") for each in fields(BatchKnobs)}
    if flags.batches:
        return BatchKnobs(**given)
    for each in fields(BatchKnobs):
        if given[each.name] != each.default:
            raise ConfigError(f"{batch_flag(each.name)}: needs --batches")
    return None


def _add_argument(parser: argparse.ArgumentParser, flag: str, knob: "Field[object]") -> None:
    unit, what, without = (knob.metadata[each] for each in ("unit", "what", "without"))
    if not unit:
        parser.add_argument(flag, action="store_true", help=f"{what} (default: off)")
        return
    default = without if knob.default in (None, "") else "%(default)s"
    kind = _KINDS.get(unit, str)
    parser.add_argument(flag, type=kind, default=knob.default, metavar=unit, help=f"{what} (default: {default})")


def read_dollars(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"expected an amount in USD, got {text!r}")
    return amount


_KINDS: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("SECONDS", "SHARE"), float),
    **dict.fromkeys(("N", "K", "SEED"), int),
    "USD": read_dollars,
}
