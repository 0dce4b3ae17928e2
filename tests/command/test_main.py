import fcntl
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from audited import conversation, write_output
from quick import each_row, first

import asyncgen
from asyncgen import __version__
from asyncgen.command.commands import build_parser
from asyncgen.command.main import main
from asyncgen.command.pages import FOLDER
from asyncgen.command.parser import Parser


def commands() -> Mapping[str, Parser]:
    return build_parser().commands


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What is said to a command line that exits with 2: one line, and nothing is written."""
    before = set(Path().rglob("*"))
    try:
        status = main(argv)
    except SystemExit as stop:
        status = int(str(stop.code))
    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert set(Path().rglob("*")) == before
    return said.err


def test_the_help_of_generate_is_in_groups_with_examples_variables_and_exit_statuses() -> None:
    shown = commands()["generate"].format_help()
    titles = re.findall(r"^(\S.*):$", shown, re.MULTILINE)
    assert titles[1:9] == [
        "what to make",
        "whom to ask",
        "money",
        "pace",
        "when calls fail",
        "files",
        "batches",
        "screen",
    ]
    assert titles[9:] == ["examples", "environment (also read from .env)", "exit status"]
    assert max(map(len, shown.split("examples:")[0].splitlines())) <= 80


@each_row("name", sorted(commands()))
def test_every_flag_shows_its_default_in_help(name: str) -> None:
    for action in commands()[name].actions:
        if action.option_strings and action.dest != "help":
            assert action.help is not None
            assert "default" in action.help, action.option_strings


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([flag])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"asyncgen {__version__}\n"


@each_row(
    ("argv", "said"),
    [
        (["generat"], "there is no command 'generat'; did you mean generate?"),
        (["hlep"], "there is no command 'hlep'; did you mean help?"),
        (["gen"], "there is no command 'gen'; did you mean generate?"),
        (["generate", "--conc", "3"], "there is no flag --conc; did you mean --concurrency?"),
        (["help", "generat"], "there is no command and no page 'generat'; did you mean generate?"),
        (["help", "mony"], "there is no command and no page 'mony'; did you mean money?"),
        (["--verison"], "there is no flag --verison before a command; did you mean --version?"),
        (["xyz"], "there is no command 'xyz'; there are init, recipes, "),
        (["money"], "there is no command 'money'; did you mean help money?"),
        (["completion", "bsh"], "expected one of bash, zsh, fish, tcsh, got 'bsh'; did you mean bash?"),
        (["export", "x.jsonl", "-o", "y", "--to", "sharegtp"], "got 'sharegtp'; did you mean sharegpt?"),
        (["version"], "there is no command 'version'; did you mean --version?"),
        (["generate", "help"], "'help' belongs to no flag; did you mean --help?"),
        (["--num", "5", "generate"], "it follows one: asyncgen COMMAND --num"),
        (["generate", "--nun", "3"], "there is no flag --nun; did you mean --num?"),
        (["generate", "--price_in=3"], "there is no flag --price_in; did you mean --price-in?"),
        (["generate", "-num", "3"], "there is no flag -num; did you mean --num?"),
        (["generate", "-output", "x.jsonl"], "there is no flag -output; did you mean --output?"),
        (["generate", "N=20k"], "N=20k is no flag; did you mean -n 20k?"),
        (["generate", "out=x.jsonl"], "did you mean --output x.jsonl?"),
        (["generate", "20000"], "'20000' belongs to no flag"),
        (["show", "x.jsonl", "--lines", "3"], "there is no flag --lines; did you mean --line?"),
        (["generate", "--provider", "opneai"], "got 'opneai'; did you mean openai?"),
        (["generate", "-n", "20.000"], "a whole number of 1 or more, got '20.000'"),
        (["generate", "--rpm", "9" * 400], "a whole number of 1 or more"),
        (["generate", "--seed", "9" * 30], "--seed: expected a whole number"),
        (["generate", "--param", "a=" + "[" * 3000 + "]" * 3000], "--param a: expected a JSON value"),
        (["generate", "--param", ".".join("a" * 3000) + "=1"], "--param: expected KEY=VALUE"),
        (["generate", "--provider", "ollama", "--model", "m\udcff"], "--model: expected the model's name, in UTF-8"),
        (["generate", "--recipe=--"], "--recipe=--: -- is no value"),
        (["generate", "-o--"], "-o--: -- is no value"),
        (["generate", "--recipe", "a\0b"], "no argument can hold a NUL"),
        (["generate", "--knowledge", ""], "nothing stands behind --knowledge: is a variable of the shell not set?"),
        (["audit", "x.jsonl", "--recipe="], "nothing stands behind --recipe=: is a variable"),
        (["show", ""], "nothing stands behind show"),
        (["judge", "y", "--agreement"], "--agreement: no grades at "),
        (
            ["shards", "z", "-n", "10", "--provider", "offline", "--rpm", "9", "--at-once", "20"],
            "--rpm 9: expected 20 or more, for 20",
        ),
        (["audit", "x"], "x is a folder; name a file in it"),
        (["filter", "y", "-o", "z.jsonl"], "y holds no conversation and has no journal: name an output of generate"),
        (["export", "nowhere.jsonl", "-o", "z"], "nowhere.jsonl: No such file or directory; name an output"),
        (["status", "y.journal"], "y.journal stands beside an output; name that: y"),
        (
            ["generate", "--provider", "vllm", "--model", "m", "--batch-files", "y/z"],
            "--batch-files y/z: y is no folder",
        ),
        (["generate", "-n", "0"], "a whole number of 1 or more, got '0'"),
        (["generate", "-n", "many"], "got 'many'"),
        (["generate", "-c", "-4"], "got '-4'"),
        (["generate", "--timeout", "nan"], "seconds above 0"),
        (["generate", "--temperature", "hot"], "got 'hot'"),
        (["generate", "--budget", "0"], "US dollars above 0, got '0'"),
        (["generate", "--budget", "nan"], "got 'nan'"),
        (["generate", "--budget", "1" * 30], "US dollars above 0"),
        (["generate", "--price-in", "-1"], "US dollars, 0 or more, got '-1'"),
        (["generate", "--price-out", "three"], "got 'three'"),
        (["generate", "--budget", "25"], "OPENROUTER_API_KEY"),
        (["generate", "--provider", "ollama", "--budget", "25"], "--price-in"),
        (["generate", "--provider", "acme"], "acme"),
        (["generate", "--param", "max_tokens"], "KEY=VALUE"),
        (["generate", "--param", "messages=[]"], "messages"),
        (["generate", "--append", "--overwrite"], "--overwrite"),
        (["generate", "--recipe", "nowhere"], "nowhere"),
        (["generate", "--knowledge", "nowhere.md"], "nowhere.md"),
        (["generate", "--base-url", "ftp://x"], "--base-url: expected"),
        (["export", "x.jsonl", "-o", "s3://bucket/x"], "--output/-o: expected a path on this machine"),
        (
            ["shards", "z\udcff", "-n", "3", "--provider", "offline"],
            "'z\\udcff' is not UTF-8, in which a plan is written",
        ),
        (["init", "z", "--from", "y", "--about", "a\udcff"], "--about: expected text in UTF-8, got 'a\\udcff'"),
        (["generate", "-o", "-"], "--output/-o: expected a file's name: no pipe is read or written"),
        (["audit", "-"], "OUTPUT: expected a file's name"),
        (["shards", "s3:/bucket/x"], "s3://bucket/x is an address, ./s3:/bucket/x a path"),
        (["merge", "GS:bucket/x"], "gs://bucket/x is an address"),
        (["status", "S3://bucket/x"], "S3:// is written s3://"),
        (["init", "s3//bucket/x", "--like", "persona"], "s3://bucket/x is an address"),
        (["generate", "--local", "file:/x"], "file://x is an address"),
        (["generate", "--log", "s3://bucket/x"], "--log: expected a path on this machine"),
        (["generate", "--model", "some/model"], "OPENROUTER_API_KEY"),
        (["generate", "--provider", "openai"], "OPENAI_API_KEY"),
        (["generate", "--output", "."], "folder"),
        (["status", "nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_status_2(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x").mkdir(exist_ok=True)
    Path("y").write_text("no conversation\n")
    Path("y.journal").touch()
    assert said in refused(capsys, *argv)


@pytest.mark.parametrize("command", ["status", "audit", "show", "view"])
def test_an_output_that_is_not_there_and_has_nearly_the_name_of_one_is_told(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data").mkdir()
    Path("data/nanochat.offline.jsonl").touch()
    said = refused(capsys, command, "data/nanochat.jsonl")
    assert "data/nanochat.jsonl is not there; did you mean data/nanochat.offline.jsonl?" in said


@pytest.mark.parametrize("command", ["audit", "status", "view", "filter -o y.jsonl", "report", "generate -o"])
def test_a_link_that_leads_to_itself_is_no_output(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("loop").symlink_to("loop")
    assert "loop leads nowhere: it is a link to itself" in refused(capsys, *command.split(), "loop")


def test_an_output_whose_journal_is_left_is_taken_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.jsonl.journal").touch()
    Path("ab.jsonl").touch()
    assert "did you mean" not in refused(capsys, "audit", "a.jsonl")


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["generate", "--recipe", "nanochta"], "nanochat"),
        (["plan", "--recipe", "recipes/otters"], "recipes/otter"),
        (["audit", "x.jsonl", "--fail-on", "ungroundd=1%"], "ungrounded"),
        (["filter", "x.jsonl", "-o", "y.jsonl", "--drop", "emial"], "email"),
        (["show", "x.jsonl", "--finding", "near-duplicates"], "near-duplicate"),
        (["show", "x.jsonl", "--where", "topc=a"], "topic"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_name_that_is_nearly_one_there_is_gets_that_as_a_hint(
    argv: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("recipes/otter").mkdir(parents=True)
    Path("recipes/otter/recipe.toml").touch()
    write_output(Path("x.jsonl"), [conversation(0)])
    assert f"did you mean {meant}?" in refused(capsys, *argv)


def test_without_a_command_the_help_is_shown_and_nothing_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert all(name in said.err for name in ("generate", "audit", "view", "help generate"))


@pytest.mark.parametrize(
    ("argv", "usage"), [(["help"], "usage: asyncgen "), (["help", "plan"], "usage: asyncgen plan")]
)
def test_help_is_a_command_too(argv: list[str], usage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    assert capsys.readouterr().out.startswith(usage)


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What make would do, as far as it says so."""
    line = ["make", "--dry-run", "--directory", str(Path(__file__).parents[2]), *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)


@each_row("variable", ["n=5", "NUM=5", "concurrency=3", "out=x", "model=m", "arg=--quiet"])
def test_make_generate_refuses_a_variable_it_would_not_read(variable: str) -> None:
    done = make("generate", "N=3", variable)
    assert done.returncode == 2
    assert f"make generate does not know {variable.partition('=')[0]}=: it takes N= CONCURRENCY=" in done.stderr


def test_make_generate_hands_its_variables_over() -> None:
    done = make("generate", "N=20k", "OUT=x.jsonl", "ARGS=--quiet")
    assert done.returncode == 0
    assert "generate --num '20k'  --output 'x.jsonl'     --quiet" in done.stdout


def test_a_message_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\u001b" not in refused(capsys, "generate", "--recipe", "no\u001b[2Jwhere")


def test_a_message_stays_readable_however_long_an_argument_is(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "generate", "--param", "a=" + "[" * 100_000)
    assert said.startswith("asyncgen: --param a: expected a JSON value")
    assert len(said) < 300


@each_row(
    "argv",
    [
        ["LONG"],
        ["help", "LONG"],
        ["generate", "--LONG"],
        ["generate", "LONG"],
        ["generate", "--recipe", "LONG"],
        ["generate", "--num", "LONG"],
        ["generate", "--provider", "LONG"],
        ["generate", "--output", "LONG"],
        ["generate", "--model", "LONG"],
        ["audit", "LONG"],
        ["audit", "x.jsonl", "--fail-on", "LONG=1%"],
        ["show", "x.jsonl", "--finding", "LONG"],
        ["report", "x.jsonl", "-o", "LONG"],
    ],
)
@each_row("text", ["x" * 5000, "a b " * 1250], ids=["a word", "words"])
def test_a_refusal_quotes_how_a_long_argument_begins(
    argv: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_output(Path("x.jsonl"), [conversation(0)])
    said = refused(capsys, *(word.replace("LONG", text) for word in argv))
    assert len(said) < 1000
    assert text[:20] in said


def test_a_log_on_a_full_disk_is_said_once_and_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "-n", "2", "--provider", "offline", "--log", "/dev/full", "--debug", "--quiet"]) == 0
    said = capsys.readouterr().err
    assert said.count("--log: /dev/full cannot be written: No space left on device; the run goes on without it") == 1
    assert "Traceback" not in said


def test_a_command_that_gets_no_memory_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise MemoryError

    monkeypatch.setattr("asyncgen.command.main.build_parser", build_parser)  # anew
    monkeypatch.setattr("asyncgen.command.status.run", fail)
    assert main(["status", "x.jsonl"]) == 1
    assert capsys.readouterr().err == (
        "asyncgen: there is not enough memory for this; free some, or raise its limit (ulimit -v)\n"
    )


def test_help_waits_for_no_command_and_no_http_client() -> None:
    program = (
        "import sys\nfrom asyncgen.command.commands import build_parser\n"
        "parser = build_parser()\nparser.format_help()\n"
        "print('msgspec' in sys.modules, [name for name in sys.modules if name.startswith('asyncgen.')])\n"
        "[each.format_help() for each in parser.commands.values()]\n"
        "print(*sorted({'aiohttp', 'asyncio', 'jinja2', 'rich', 'tenacity', 'uvloop', 'sqlite3'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded, heavy = done.stdout.splitlines()
    assert loaded.startswith("False")
    assert {*re.findall(r"'asyncgen\.(\w+)\.(\w+)'", loaded)} == {
        ("command", name) for name in ("command", "commands", "pages", "parser", "stderr")
    }
    assert heavy == ""


@pytest.mark.parametrize("number", first(1, [signal.SIGTERM, signal.SIGHUP]), ids=lambda number: number.name)
def test_a_signal_while_a_lock_is_waited_for_is_an_interrupt(number: signal.Signals) -> None:
    assert main(["shards", "x", "-n", "4096", "--size", "2048", "--provider", "offline"]) == 0
    with Path("x.shards/00001.jsonl.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [sys.executable, "-m", "asyncgen", "generate", "--shard", "1/2", "-o", "x"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as waiting:
            assert waiting.stderr is not None
            assert "It gets 120 s to end" in waiting.stderr.readline()
            waiting.send_signal(number)
            assert waiting.stderr.read() == "asyncgen: interrupted\n"
    assert waiting.returncode == 130


def test_the_page_for_developers_names_every_room() -> None:
    tree = (FOLDER / "development.md").read_text().split("## The code, room by room")[1].split("```")[1]
    rooms = [path.parent.name for path in (Path(__file__).parents[2] / "asyncgen").glob("*/__init__.py")]
    assert rooms
    assert [room for room in rooms if f"  {room}/ " not in tree] == []


def test_a_folder_that_is_gone_under_ones_feet_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(SystemExit, match="2"):
        main(["status", "x"])
    assert "the folder in which this is typed is gone" in capsys.readouterr().err
    monkeypatch.undo()


def test_home_is_meant_by_a_tilde_that_a_shell_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--like=persona", "~/ada"]) == 0
    assert main(["generate", "-n=1", "--recipe=~/ada", "--output=~/x.jsonl", "--provider=offline", "--quiet"]) == 0
    assert main(["status", "~/x.jsonl"]) == 0
    assert len(asyncgen.open("~/x.jsonl")) == 1
    assert {each.name for each in tmp_path.iterdir() if not each.name.startswith("x")} == {"ada"}
