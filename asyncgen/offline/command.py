"""The flags of `asyncgen serve` and `python -m asyncgen.offline`, one for each knob.

The server is imported only to be run, so that `--help` does not wait for it.
"""

import argparse
from dataclasses import fields

from asyncgen.errors import ConfigError
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

    parser.add_argument("--port", type=int, default=0, help="port on loopback, 0 for a free one (default: %(default)s)")
    seconds("--latency", default.latency, "time each answer takes")
    seconds("--jitter", default.jitter, "up to so much time more, drawn evenly")
    share("--long-tail", "share of calls that take ten times as long, from 0 to 1")
    parser.add_argument("--seed", type=int, default=default.seed, help="which calls are hit (default: %(default)s)")
    share("--rate-limited", "share of calls answered 429")
    seconds("--retry-after", default.retry_after, "the Retry-After of a 429")
    share("--server-errors", "share of calls answered 500")
    share("--resets", "share of calls whose connection is reset without an answer")
    share("--hangs", "share of calls never answered")
    share("--truncated", "share of answers cut short against their Content-Length")
    share("--malformed", "share of answers whose content is no JSON")
    share("--wrong-schema", "share of answers whose content is JSON of another shape")
    share("--empty", "share of answers whose content is empty")
    calls("--unauthorized-after", "answer 401")
    calls("--no-money-after", "answer 402")
    parser.add_argument("--canned", action="store_true", help="always the same answer, for benchmarks (default: off)")
    parser.add_argument(
        "--exit-with-stdin", action="store_true", help="end when standard input is closed (default: run until Ctrl-C)"
    )


def serve(flags: argparse.Namespace) -> int:
    """Serves until told to end; the base URL is one line on stdout. Raises ConfigError."""
    from asyncgen.offline.process import run_server  # noqa: PLC0415 - a help text need not wait for it

    if not 0 <= flags.port <= _MAX_PORT:  # uvloop would take it modulo 65536
        raise ConfigError(f"--port: expected 0 to {_MAX_PORT}, got {flags.port}")
    knobs = Knobs(**{each.name: getattr(flags, each.name) for each in fields(Knobs)})
    run_server(knobs, flags.port, exit_with_stdin=flags.exit_with_stdin)
    return 0
