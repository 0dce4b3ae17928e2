"""No secret in anything a run leaves behind, and nothing from outside that a terminal would obey.

The server quotes the secrets, in every spelling, in whatever it says; then all that was written is searched for them.
"""

import json
import os
import pty
import signal
import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, completion, conversation, error, page
from quick import QUICK

from asyncgen.command.main import main

pytestmark = pytest.mark.slow

KEY = 'sk-or/v1+marker"0a1b2c3d='
TOKEN = "hd-marker\\4e5f/6a7b+8c9d"
RECIPE = """\
name = "secret"
knowledge = "facts.md"
[request]
model = "fake"
[prompt]
system = "system.md"
user = "user.md"
[[dimension]]
name = "topic"
values = [%s]
[headers]
X-Token = {env = "MARKER_TOKEN"}
"""
OUTPUT = Path("data/secret.jsonl")


def write_recipe(folder: Path, *topics: str) -> Path:
    folder.mkdir()
    values = json.dumps(topics or ("bread", "rain"))[1:-1].replace(r"\udb40\udc41", r"\U000e0041")  # TOML's way
    (folder / "recipe.toml").write_text(RECIPE % values)
    (folder / "facts.md").write_text("Bread is baked.\n")
    (folder / "system.md").write_text("{knowledge}\n")
    (folder / "user.md").write_text("{topic}\n")
    return folder


@pytest.fixture(autouse=True)
def _recipe_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    write_recipe(Path("recipe"))
    monkeypatch.setenv("ASYNCGEN_API_KEY", KEY)
    monkeypatch.setenv("MARKER_TOKEN", f"Token {TOKEN}")


def spellings(secret: str) -> Iterator[str]:
    yield from (secret, quote(secret), quote_plus(secret))
    for before in ("", "x:", "Bearer ", "Token "):
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(f"{before}{secret}".encode()).decode()


QUOTED = f"{KEY} refused: {' and '.join([*spellings(KEY), *spellings(TOKEN)])}"


def needles(secret: str) -> Iterator[bytes]:
    """Every spelling, those of JSON and of JSON in JSON, and of base64 the part that is the secret's alone."""
    escaped = json.dumps(secret)[1:-1]
    yield from (each.encode() for each in (*spellings(secret), escaped, json.dumps(escaped)[1:-1]))
    yield from (b64encode(f"{before}{secret}".encode())[8:-8] for before in ("", "x", "xx"))


NEEDLES = [*needles(KEY), *needles(TOKEN)]


def check_no_secret(*shown: str, but: tuple[str, ...] = ()) -> None:
    """In nothing shown, and in no file below the working directory but those."""
    files = [path for path in Path().rglob("*") if path.is_file() and path.name not in (".env", *but)]
    written = {str(path): path.read_bytes() for path in files}
    texts = {**{f"stream {number}": text.encode() for number, text in enumerate(shown)}, **written}
    for place, text in texts.items():
        for needle in NEEDLES:
            assert needle not in text, place


def flags(provider: FakeProvider, *more: str) -> list[str]:
    return ["generate", "--base-url", provider.base_url, "--recipe", "recipe", *more]


def sent(provider: FakeProvider) -> dict[str, str]:
    return {name.lower(): value for name, value in provider.calls[0].headers.items()}


def raw(status: int, text: str, **headers: str) -> Reply:
    return Reply(status, text.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


# What a model wrote is data, whatever it is: a prompt may have held the very words.
WRITTEN = {
    "a conversation": conversation(QUOTED),
    "a reply that is no JSON": completion(QUOTED),
    "a reply of another shape": completion(json.dumps({QUOTED: QUOTED})),
    "a reply cut off": completion(QUOTED, finish_reason="length"),
    "labels": page(
        {"id": KEY, "model": KEY, "choices": [{"finish_reason": KEY, "message": {"content": QUOTED}}]},
    ),
}
SAID = {
    "a refusal": page({"choices": [{"message": {"content": None, "refusal": QUOTED}}]}),
    "an error in a 200": page({"error": {"code": 400, "message": QUOTED}}),
    "a raw error in a 200": page({"error": {"code": 400, "message": "no", "metadata": {"raw": json.dumps(QUOTED)}}}),
    "a page": raw(200, f"<title>{QUOTED}</title>"),
    "a body cut off": raw(200, f'{{"choices": "{QUOTED}'),
    "400": error(400, QUOTED),
    "401": error(401, QUOTED),
    "401 in plain text": raw(401, QUOTED),
    "402": error(402, QUOTED),
    "403": error(403, QUOTED),
    "404": error(404, QUOTED),
    "429": error(429, QUOTED, retry_after_ms="1"),
    "500": error(500, QUOTED),
    "a redirect": raw(307, "", Location=f"http://{quote(KEY)}.example/{quote(TOKEN)}"),
    "headers": raw(429, "", X_Request_Id=KEY, X_Generation_Id=TOKEN, Retry_After=KEY),
}


@pytest.mark.parametrize("answer", WRITTEN.values(), ids=WRITTEN)
def test_what_a_model_wrote_is_kept_as_it_came_and_quoted_nowhere(
    answer: Reply, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeProvider(lambda _: answer) as provider:
        more = ("-n", "2", "--debug", "--log", "run.log", "--give-up", "0.05", "--save-metadata")
        main(flags(provider, *more, "--reasks", "1", "--retries", "1"), QUICK)
    main(["status", str(OUTPUT)])
    shown = capsys.readouterr()
    check_no_secret(shown.out, shown.err, but=(OUTPUT.name, f"{OUTPUT.name}.rejects"))
    lines = [json.loads(line) for line in OUTPUT.read_text().splitlines()]
    kept = [json.loads(line) for line in OUTPUT.with_name(f"{OUTPUT.name}.rejects").read_text().splitlines()]
    written = [str(line["messages"]) for line in lines] + [line["text"] for line in kept]
    assert written
    for text in written:
        assert any(each in text for each in (QUOTED, repr(QUOTED)[1:-1], json.dumps(QUOTED)[1:-1]))


@pytest.mark.parametrize("answer", SAID.values(), ids=SAID)
@pytest.mark.parametrize("is_first", [True, False], ids=["from the start", "in mid-run"])
def test_a_server_that_quotes_the_secrets_brings_them_into_nothing(
    *, answer: Reply, is_first: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(call: Call) -> Reply:
        return answer if is_first or 2 <= call.number < 8 else always_good(call)

    with FakeProvider(script) as provider:
        more = ("-n", "6", "--debug", "--log", "run.log", "--show", "--give-up", "0.05", "--save-metadata")
        main(flags(provider, *more, "--reasks", "1", "--retries", "1", "--concurrency", "2"), QUICK)
        assert sent(provider)["authorization"] == f"Bearer {KEY}"
        assert sent(provider)["x-token"] == f"Token {TOKEN}"
    shown = capsys.readouterr()
    main(["status", str(OUTPUT)])
    main(["plan", "--recipe", "recipe", "--base-url", provider.base_url, "-n", "2", "--requests", "requests.jsonl"])
    told = capsys.readouterr()
    check_no_secret(shown.out, shown.err, told.out, told.err)
    assert Path("run.log").stat().st_size


def start(*argv: str, program: str = "from asyncgen.command.main import script; script()") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", program, *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_run_that_is_interrupted_shows_no_secret_to_other_users_either() -> None:
    def script(call: Call) -> Reply:
        return Reply(hold=True) if call.number else error(500, QUOTED)

    with FakeProvider(script) as provider:
        process = start(*flags(provider, "-n", "9", "--grace", "0", "--debug", "--log", "run.log"))
        provider.wait_for_calls(2)
        seen_by_others = Path(f"/proc/{process.pid}/cmdline").read_text()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=40)
    assert process.returncode == 130
    check_no_secret(out.decode(), err.decode(), seen_by_others)


CRASH = """
import asyncgen.endpoint.answer
from asyncgen.command.main import script


def crash(fault):
    raise KeyError(f"a bug {fault.text}") from RuntimeError(fault.text)

asyncgen.endpoint.answer.leaf_of = crash
script()
"""


def test_a_bug_shows_its_trace_without_a_secret_and_moves_no_cursor() -> None:
    with FakeProvider(lambda _: error(400, f"{QUOTED} {HOSTILE}")) as provider:
        process = start(*flags(provider, "-n", "3", "--debug", "--log", "run.log"), program=CRASH)
        out, err = process.communicate(timeout=40)
    assert process.returncode == 1
    assert b"Traceback" in err
    assert b"RuntimeError" in err
    check_no_secret(out.decode(), err.decode())
    check_harmless(out.decode(), err.decode())


# ---- what is left on disk


def test_every_file_is_its_owners_alone() -> None:
    before = os.umask(0)
    try:
        with FakeProvider(lambda call: completion("no") if call.number == 1 else always_good(call)) as provider:
            assert main(flags(provider, "-n", "3", "--log", "run.log"), QUICK) == 0
            for path in (OUTPUT, OUTPUT.with_name("secret.jsonl.journal"), OUTPUT.with_name("secret.jsonl.rejects")):
                with path.open("ab") as file:
                    file.write(b'{"torn')
            assert main(flags(provider, "-n", "4", "--log", "run.log"), QUICK) == 0
            assert main(flags(provider, "-n", "3", "--overwrite"), QUICK) == 0
        assert main(["plan", "--recipe", "recipe", "-n", "2", "--requests", "requests.jsonl"]) == 0
    finally:
        os.umask(before)
    made = [path for path in (Path("run.log"), Path("requests.jsonl"), *Path("data").iterdir()) if path.is_file()]
    assert sum(".torn" in path.name for path in made) == 3
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in made} == {path.name: "0o600" for path in made}


@pytest.mark.parametrize(("mode", "is_warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_keys_in_a_file_that_others_can_read_are_warned_about(
    *, mode: int, is_warned: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ASYNCGEN_API_KEY")
    Path(".env").write_text(f"ASYNCGEN_API_KEY='{KEY}'\n")
    Path(".env").chmod(mode)
    with FakeProvider() as provider:
        assert main(flags(provider, "-n", "1"), QUICK) == 0
        assert sent(provider)["authorization"] == f"Bearer {KEY}"
    shown = capsys.readouterr().err
    assert ("chmod 600" in shown) == is_warned
    check_no_secret(shown)


# ---- the terminal

# A colour, the clipboard, a title, a C1 control sequence, directions, a tag, and markup that is none of ours.
HOSTILE = (
    "\x1b[666m\x1b]52;c;aGk=\x07\x1b]0;t\x1b\\\x9b31m\x85\u202e\u2066\u200f\U000e0041\x7f\x00"
    "[red]x[/red] [/nothing] [link=http://x]y[/link] :smile:"
)
NAME = HOSTILE.replace("/", "|").replace("\0", "")
FORBIDDEN = [*"\x07\x7f\x9b\x85\u202e\u2066\u200f\U000e0041\0", "\x1b]", "\x1b[666m", "\x1b\\"]


def check_harmless(*shown: str) -> None:
    for text in shown:
        for each in FORBIDDEN:
            assert each not in text


def check_plain(capsys: pytest.CaptureFixture[str]) -> str:
    """What was shown off a terminal, where not even our own colours are."""
    shown = capsys.readouterr()
    check_harmless(shown.out, shown.err)
    assert "\x1b" not in shown.out + shown.err
    return shown.out + shown.err


SAYING = {
    "a conversation": conversation(HOSTILE.translate({0: None})),
    "a bad reply": completion(HOSTILE),
    "a finish reason": completion("", finish_reason=HOSTILE),
    "a refusal": page({"choices": [{"message": {"content": None, "refusal": HOSTILE}}]}),
    "a page": raw(200, f"<title>{HOSTILE}</title>"),
    "an error in a 200": page({"error": {"code": HOSTILE, "type": HOSTILE, "message": HOSTILE}}),
    "400": error(400, HOSTILE),
    "400 about the format": error(400, f"response_format json_schema {HOSTILE}"),
    "401": error(401, HOSTILE),
    "402": error(402, HOSTILE),
    "429": error(429, HOSTILE, retry_after_ms="1"),
    "500 in plain text": raw(500, HOSTILE),
}


@pytest.mark.parametrize("answer", SAYING.values(), ids=SAYING)
def test_nothing_a_server_says_reaches_the_terminal_as_code(answer: Reply, capsys: pytest.CaptureFixture[str]) -> None:
    for more in (("--debug", "--log", "run.log"), ("--show",)):
        with FakeProvider(lambda call: always_good(call) if call.number == 1 else answer) as provider:
            main(flags(provider, "-n", "3", "--give-up", "0.05", "--reasks", "0", "--overwrite", *more), QUICK)
        check_plain(capsys)
    check_harmless(Path("run.log").read_text())


def test_names_and_recipes_reach_the_terminal_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write_recipe(Path(NAME), f"danger {HOSTILE}")
    output = f"{NAME}.jsonl"
    with FakeProvider(lambda _: conversation("bread")) as provider:
        to_it = ("--base-url", provider.base_url, "--recipe", str(recipe), "--model", HOSTILE.replace("\0", ""))
        assert main(["generate", *to_it, "-n", "3", "--output", output, "--show", "--log", "run.log"]) == 0
        assert "[red]x" in check_plain(capsys), "markup is text"
        assert main(["generate", *to_it, "-n", "3", "--output", output]) == 0
        assert "nothing to do" in check_plain(capsys)
        assert main(["plan", *to_it, "-n", "2", "--requests", f"{NAME}.requests"]) == 0
        assert "[red]x" in check_plain(capsys)
        assert main(["plan", *to_it, "-n", "2", "--index", "0"]) == 0
        assert "[/nothing]" in check_plain(capsys)
    for more in ([], ["--json"]):
        assert main(["status", output, *more]) == 0
        assert "[red]x" in check_plain(capsys)
    check_harmless(Path("run.log").read_text())


REFUSED = {
    "recipe": ["generate", "--recipe", HOSTILE.replace("\0", "")],
    "knowledge": ["generate", "--knowledge", NAME],
    "output": ["generate", "--output", f"recipe/facts.md/{NAME}"],
    "log": ["generate", "--log", f"nowhere/{NAME}"],
    "param": ["generate", "--param", HOSTILE],
    "provider": ["generate", "--provider", HOSTILE],
    "number": ["generate", "-n", HOSTILE],
    "address": ["generate", "--base-url", f"http://{HOSTILE}/v1"],
    "strange flag": ["generate", f"--{HOSTILE}"],
    "strange word": ["generate", HOSTILE],
    "command": [HOSTILE],
    "requests": ["plan", "--requests", f"nowhere/{NAME}"],
    "status": ["status", NAME],
}


@pytest.mark.parametrize("argv", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("debug", [True, False])
def test_a_refusal_quotes_nothing_that_a_terminal_obeys(
    *, argv: list[str], debug: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [*argv, "--debug"] if debug and argv[0] == "generate" else argv
    assert exit_status(argv) in (1, 2)
    assert "asyncgen" in check_plain(capsys)


def exit_status(argv: list[str]) -> object:
    try:
        return main(argv)
    except SystemExit as end:  # argparse
        return end.code


def test_the_live_frame_shows_no_code_of_recipes_and_servers() -> None:
    recipe = write_recipe(Path(NAME), f"danger {HOSTILE}")

    def script(call: Call) -> Reply:
        if call.number == 1:
            return error(429, HOSTILE, retry_after_ms="1")
        return Reply(hold=True) if call.number > 1 else always_good(call)

    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}
    with FakeProvider(script) as provider:
        to_it = ("--base-url", provider.base_url, "--recipe", str(recipe), "--output", f"{NAME}.jsonl")
        process = subprocess.Popen(
            [sys.executable, "-m", "asyncgen", "generate", *to_it, "-n", "4", "--grace", "0"],
            stdout=slave,
            stderr=slave,
            env=environment,
        )
        os.close(slave)
        shown = read_until(master, b"1 rate-limited")
        process.send_signal(signal.SIGINT)
        shown += read_until(master, None)
        assert process.wait(timeout=40) == 130
    os.close(master)
    text = shown.decode()
    assert "danger" in text
    assert "[red]x" in text
    check_harmless(text)


def read_until(descriptor: int, text: bytes | None) -> bytes:
    """What a terminal gets, up to `text` or to the end."""
    seen = b""
    while text is None or text not in seen:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # on Linux a terminal ends so
            part = b""
        if not part:
            assert text is None, seen
            break
        seen += part
    return seen
