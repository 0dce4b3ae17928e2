"""The wheel as a user gets it: built through the sdist, installed in an empty environment, run from another folder."""

import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KNOWLEDGE = (ROOT / "knowledge" / "self_knowledge.md").read_bytes()


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.mark.slow
def test_wheel_and_sdist_carry_the_one_copy_of_the_knowledge_base(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("asyncgen/recipes/nanochat/self_knowledge.md") == KNOWLEDGE
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        (name,) = (name for name in archive.getnames() if name.endswith("knowledge/self_knowledge.md"))
        file = archive.extractfile(name)
        assert file is not None
        assert file.read() == KNOWLEDGE


@pytest.mark.slow
def test_wheel_and_sdist_carry_every_file_of_the_pages(distributions: Path) -> None:
    pages = {f"asyncgen/report/page/{each.name}" for each in (ROOT / "asyncgen" / "report" / "page").iterdir()}
    (wheel,) = distributions.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert pages <= set(archive.namelist())
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert pages <= {name.partition("/")[2] for name in archive.getnames()}


@pytest.mark.slow
def test_the_installed_wheel_plans_and_generates_from_another_folder(distributions: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    (wheel,) = distributions.glob("*.whl")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel)
    # The dependencies are those of this environment: a plain path, so that its editable install is not read with it.
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    imported = run(python, "-c", "import asyncgen; print(asyncgen.__file__)", cwd=elsewhere)
    assert Path(imported.strip()).is_relative_to(environment)
    assert "topic" in run(environment / "bin" / "asyncgen", "plan", "-n", "5", cwd=elsewhere)
    run(environment / "bin" / "asyncgen", "generate", "-n", "5", cwd=elsewhere)
    assert run(environment / "bin" / "asyncgen", "help", "money", cwd=elsewhere).startswith("# Money: ")
    run(environment / "bin" / "asyncgen", "audit", "data/nanochat.offline.jsonl", cwd=elsewhere)
    assert len((elsewhere / "data" / "nanochat.offline.jsonl").read_text().splitlines()) == 5
