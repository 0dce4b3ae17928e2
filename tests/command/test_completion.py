"""The script for bash, as bash uses it; the others as far as they can be looked at without their shells."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from asyncgen.command.commands import build_parser
from asyncgen.command.completion import SHELLS
from asyncgen.command.main import main


@pytest.fixture(scope="module", autouse=True)
def _parser_made_anew() -> Iterator[None]:
    """What a script is made of is told to the parser."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("asyncgen.command.main.build_parser", build_parser)
        yield


@pytest.fixture(scope="module")
def script() -> str:
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("sys.stdout.write", said.append)
        assert main(["completion", "bash"]) == 0
    return "".join(said)


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("asyncgen gen", {"generate"}),
        ("asyncgen generate --budg", {"--budget"}),
        ("asyncgen generate --provider op", {"openrouter", "openai"}),
        ("asyncgen generate --recipe nano", {"nanochat", "nanofolder"}),
        ("asyncgen filter x.jsonl --drop ungr", {"ungrounded"}),
        ("asyncgen show x.jsonl --finding near", {"near-duplicate", "near-duplicate-answers"}),
        ("asyncgen audit x", {"x.jsonl"}),
        ("asyncgen generate --knowledge n", {"notes.md", "nanofolder"}),
        ("asyncgen help mon", {"money"}),
        ("asyncgen draft op", {"openers"}),
        ("asyncgen completion z", {"zsh"}),
        (".venv/bin/asyncgen sta", {"status"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bash_completes(script: str, line: str, completed: set[str], tmp_path: pytest.TempPathFactory) -> None:
    shell = f"""{script}
touch x.jsonl notes.md x.txt; mkdir nanofolder
COMP_WORDS=({line}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); COMPREPLY=()
"$(complete -p asyncgen | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" asyncgen "${{COMP_WORDS[COMP_CWORD]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == completed


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert [command for command in build_parser().commands if command not in said] == []


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_a_script_is_understood_by_its_shell_where_that_is_at_hand(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if which(shell) is None:
        pytest.skip(f"no {shell} here")
    assert main(["completion", shell]) == 0
    Path("script").write_text(capsys.readouterr().out)
    subprocess.run([shell, "-n", "script"], check=True)


@pytest.mark.skipif(which("fish") is None, reason="no fish here")
def test_fish_completes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 0
    Path("script").write_text(capsys.readouterr().out)
    Path("x.jsonl").touch()
    shell = "source script; complete -C 'asyncgen generate --provider olla'; complete -C 'asyncgen audit x'"
    done = subprocess.run(["fish", "--no-config", "-c", shell], capture_output=True, text=True, check=True)
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["ollama", "x.jsonl"]
