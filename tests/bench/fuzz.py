"""Coverage-guided fuzzing of all that reads what others wrote: it answers any bytes, or raises its own error.

python tests/bench/fuzz.py TARGET [libFuzzer's options, such as -max_total_time=60]
"""

import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["asyncgen"]):
    from asyncgen.conversation import NotAConversationError, decode_line
    from asyncgen.endpoint.answer import classify_response
    from asyncgen.errors import AsyncgenError, BadReplyError, ConfigError
    from asyncgen.money.price_list import read_price
    from asyncgen.output.journal import decode_entry
    from asyncgen.output.ledger import read_journal
    from asyncgen.recipe.accept import parse_conversation
    from asyncgen.recipe.load import load_recipe
    from asyncgen.recipe.recipe import Rules

FOLDER = Path(tempfile.mkdtemp(prefix="asyncgen-fuzz-"))


def fuzz_classifier(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    status = provider.ConsumeIntInRange(100, 599)
    headers = {name: provider.ConsumeUnicodeNoSurrogates(40) for name in ("retry-after", "date", "x-ratelimit-reset")}
    try:
        classify_response(status, headers, provider.ConsumeBytes(sys.maxsize), host="host")
    except AsyncgenError:
        return


def fuzz_stream(data: bytes) -> None:
    with contextlib.suppress(AsyncgenError):
        classify_response(200, {}, b"data: " + data.replace(b"\n", b"\n\ndata: "), host="host")


def fuzz_reply(data: bytes) -> None:
    try:
        parse_conversation(data.decode("utf-8", "replace"), Rules(charset="ascii"))
    except BadReplyError:
        return


def fuzz_line(data: bytes) -> None:
    try:
        decode_line(data)
    except NotAConversationError:
        return


def fuzz_entry(data: bytes) -> None:
    try:
        decode_entry(data)
    except ValueError:
        return


def fuzz_journal(data: bytes) -> None:
    path = FOLDER / "x.jsonl.journal"
    path.write_bytes(data)
    try:
        read_journal(path)
    except ConfigError:
        return


def fuzz_recipe(data: bytes) -> None:
    (FOLDER / "user.md").write_text("{topic} {knowledge}")
    (FOLDER / "k.md").write_text("known")
    (FOLDER / "recipe.toml").write_bytes(data)
    try:
        load_recipe(str(FOLDER))
    except ConfigError:
        return


def fuzz_prices(data: bytes) -> None:
    read_price(data, "model")


TARGETS: dict[str, Callable[[bytes], None]] = {
    name.removeprefix("fuzz_"): target for name, target in globals().items() if name.startswith("fuzz_")
}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"usage: {sys.argv[0]} TARGET, one of {', '.join(TARGETS)}")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], TARGETS[sys.argv[1]])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
