import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from asyncgen.program import program


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, from which we work, with a virtual environment that is not active."""
    script = tmp_path / ".venv" / "bin" / "asyncgen"
    script.parent.mkdir(parents=True)
    script.touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setattr(sys, "executable", str(script.with_name("python")))
    return tmp_path


@pytest.mark.parametrize(
    ("started", "typed"),
    [
        (".venv/bin/asyncgen", ".venv/bin/asyncgen"),
        ("{folder}/.venv/bin/asyncgen", ".venv/bin/asyncgen"),
        ("{folder}/site-packages/asyncgen/__main__.py", ".venv/bin/asyncgen"),
        ("/opt/my tools/asyncgen", "'/opt/my tools/asyncgen'"),
        ("./asyncgen", "./asyncgen"),
        ("/usr/lib/python3/pytest/__main__.py", "asyncgen"),
        ("notebook.py", "asyncgen"),
    ],
)
def test_what_a_user_types_to_start_it_again(
    environment: Path, monkeypatch: pytest.MonkeyPatch, started: str, typed: str
) -> None:
    monkeypatch.setattr(sys, "argv", [started.format(folder=environment)])
    assert program() == typed


def test_in_an_active_environment_the_name_is_enough(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(environment / ".venv" / "bin"))
    monkeypatch.setattr(sys, "argv", [".venv/bin/asyncgen"])
    assert program() == "asyncgen"


def test_without_a_script_python_starts_it(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (environment / ".venv" / "bin" / "asyncgen").unlink()
    monkeypatch.setattr(sys, "argv", ["asyncgen/__main__.py"])
    assert program() == ".venv/bin/python -m asyncgen"


def test_ctrl_c_while_the_program_is_imported_ends_it_without_a_trace() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    module, _, name = project["scripts"]["asyncgen"].partition(":")
    code = f"""
import os, signal, sys
class Pressed:
    def find_spec(self, name, *_):
        if name == "asyncgen.command.main":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Pressed())
from {module} import {name}
{name}()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")
