"""What the README tells to type works as it stands there, without a key."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from asyncgen.command.pages import Pages

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
LONGEST = 150  # lines
NOT_HERE = ("make ", "cp .env", "asyncgen view")  # what installs, wants a key or serves until it is stopped


def lines_to_type() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return "".join(blocks).splitlines()


def test_the_readme_is_short() -> None:
    assert README.count("\n") <= LONGEST


def test_the_readme_lists_every_page_as_help_does() -> None:
    listed = dict(re.findall(r"^\| \[([\w-]+)\]\(asyncgen/pages/\1\.md\) \| (.*) \|$", README, re.MULTILINE))
    assert listed == Pages()


def test_every_link_of_readme_and_pages_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "asyncgen" / "pages").glob("*.md")]
    for page in pages:
        links = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text())
        assert [link for link in links if not (page.parent / link).exists()] == []


def test_what_make_is_asked_for_is_there() -> None:
    for line in lines_to_type():
        if line.startswith("make "):
            words = line.partition("#")[0].split()
            done = subprocess.run([words[0], "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, check=False)
            assert done.returncode == 0, line


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")  # two thousand conversations: made, audited, exported
def test_every_line_that_needs_no_key_works_as_typed(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "tests" / "audit" / "shop" / "knowledge_en.md", tmp_path / "docs")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for line in lines_to_type():
        if line.startswith(NOT_HERE) or ("--to nanochat" in line and find_spec("pyarrow") is None):
            continue
        shell = ["bash", "-c", line]
        done = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    # Few of many: the offline engine quotes a small knowledge base, so most of its answers repeat earlier ones.
    assert len((tmp_path / "data" / "chats.jsonl").read_text().splitlines()) > 50
    (program,) = re.findall(r"^```python\n(import asyncgen\n.*?)^```", README, re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
