"""The flags of `asyncgen serve` and `python -m asyncgen.offline`, one for each knob.

The server is imported only to be run, so that `--help` does not wait for it.
"""

import argparse
from dataclasses import Field, fields
from decimal import Decimal, InvalidOperation

from asyncgen.errors import ConfigError
from asyncgen.offline.batch_knobs import BatchKnobs, batch_flag
from asyncgen.offline.knobs import Knobs

_MAX_PORT = 65535


def add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    default = Knobs()

    def share(flag: str, what: str) -> None:
        parser.add_argument(flag, type=float, default=0.0, metavar="SHARE", help=f"{what} (default: %(default)s)")

    def seconds(flag: str, value: float, what: str) -> None:
        parser.add_argument(flag, type=float, default=value, metavar="SECONDS", help=f"{what} (default: %(default)s)")

    def calls(flag: str, what: str) -> None:
        parser.add_argument(flag, type=int, metavar="K", help=f"{what} after K calls (default: never)")

    def limit(flag: str, what: str) -> None:
        parser.add_argument(flag, type=int, metavar="N", help=f"{what} (default: no limit)")

    def dollars(flag: str, what: str, without: str) -> None:
        parser.add_argument(flag, type=read_dollars, metavar="USD", help=f"{what} (default: {without})")

    def switch(flag: str, what: str) -> None:
        parser.add_argument(flag, action="store_true", help=f"{what} (default: off)")

    parser.add_argument("--port", type=int, default=0, help="port on loopback, 0 for a free one (default: %(default)s)")
    seconds("--latency", default.latency, "time each answer takes")
    seconds("--jitter", default.jitter, "up to so much time more, drawn evenly")
    share("--long-tail", "share of calls that take ten times as long, from 0 to 1")
    parser.add_argument("--seed", type=int, default=default.seed, help="which calls are hit (default: %(default)s)")
    share("--rate-limited", "share of calls answered 429")
    seconds("--retry-after", default.retry_after, "the Retry-After of a 429, and twice that of a 402 that passes")
    switch("--no-retry-after", "refuse without Retry-After")
    share("--server-errors", "share of calls answered 500")
    share("--resets", "share of calls whose connection is reset without an answer")
    share("--hangs", "share of calls never answered")
    share("--truncated", "share of answers cut short against their Content-Length")
    share("--malformed", "share of answers whose content is no JSON")
    share("--wrong-schema", "share of answers whose content is JSON of another shape")
    share("--empty", "share of answers whose content is empty")
    calls("--unauthorized-after", "answer 401")
    calls("--no-money-after", "answer 402")
    limit("--max-concurrent", "calls served at once, more are answered 429")
    switch("--queue", "let calls above --max-concurrent wait their turn instead")
    limit("--requests-per-minute", "calls a minute, a second's worth of them at once; more are answered 429")
    limit(
        "--tokens-per-minute", "the same for tokens: the prompt's must be free, the completion's are taken afterwards"
    )
    parser.add_argument(
        "--drop-capacity-after",
        type=float,
        metavar="SECONDS",
        help="have a tenth of these three limits from so long after the first call on (default: never)",
    )
    seconds("--drop-capacity-for", default.drop_capacity_for, "and for so long")
    dollars("--price-in", "price per million prompt tokens, from which answers name their cost", "none")
    dollars("--price-out", "price per million completion tokens", "none")
    dollars(
        "--in-flight-budget", "what calls in flight may cost together by max_tokens, more are answered 402", "no limit"
    )
    dollars("--balance", "what may be spent, then 402; also for one call that may cost more than is left", "no limit")
    switch("--no-json-schema", "answer 400 to a response_format of json_schema")
    switch("--no-response-format", "answer 400 to any response_format")
    switch("--strict-fields", "answer 422 to fields that OpenAI does not have")
    switch("--canned", "always the same answer and no look at the request, for benchmarks")
    share("--flex-refused", "share of calls of the tier flex answered 429, for want of capacity")
    switch("--batches", "serve files and batches, as OpenAI and OpenRouter have them")
    for each in fields(BatchKnobs):
        _add_batch_argument(parser, each)
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


def _add_batch_argument(parser: argparse.ArgumentParser, knob: Field[object]) -> None:
    unit, what = knob.metadata["unit"], knob.metadata["what"]
    flag = batch_flag(knob.name)
    if not unit:
        parser.add_argument(flag, action="store_true", help=f"{what} (default: off)")
        return
    without = "no limit" if knob.default is None else "none" if knob.default == "" else "%(default)s"
    kind = {"SECONDS": float, "SHARE": float, "N": int}.get(unit, str)
    parser.add_argument(flag, type=kind, default=knob.default, metavar=unit, help=f"{what} (default: {without})")


def read_dollars(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"expected an amount in USD, got {text!r}")
    return amount
