"""Uploads by the hub's own library, to a hub on loopback."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from exports import talk, write_run
from fake_hub import TOKEN, FakeHub, running_hub
from trainers_kit import need

from asyncgen.command.main import main
from asyncgen.output.paths import OutputPaths

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("default")]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    with running_hub() as hub:
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in [each for each in sys.modules if each.partition(".")[0] == "huggingface_hub"]:
            monkeypatch.delitem(sys.modules, name)  # it reads its address when it is imported
        need("huggingface_hub")
        need("pyarrow")
        yield hub


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return write_run(tmp_path / "x.jsonl", [talk(number) for number in range(12)])


def push(paths: OutputPaths, *flags: str) -> int:
    folder = paths.output.with_name("made")
    line = ["export", str(paths.output), "-o", str(folder), "--to", "hub", "--license", "mit", "--push", "me/chats"]
    return main([*line, *flags])


def test_a_push_makes_a_private_data_set_of_the_whole_folder(
    hub: FakeHub, paths: OutputPaths, capfd: pytest.CaptureFixture[str]
) -> None:
    assert push(paths) == 0
    folder = paths.output.with_name("made")
    assert hub.private == {"me/chats": True}
    assert hub.files["me/chats"] == {
        name: (folder / name).read_bytes() for name in ("README.md", "data/train-00000-of-00001.parquet")
    }
    said = capfd.readouterr()
    assert f"uploaded to {hub.address}/datasets/me/chats" in said.out
    assert TOKEN not in said.out + said.err
    assert f"Bearer {TOKEN}" in hub.tokens


def test_a_later_push_leaves_no_shard_of_an_earlier_one(hub: FakeHub, paths: OutputPaths) -> None:
    assert push(paths) == 0
    hub.files["me/chats"]["data/train-00001-of-00002.parquet"] = b"of an earlier one"
    hub.files["me/chats"]["LICENSE.md"] = b"written by hand"
    assert push(paths, "--overwrite") == 0
    assert sorted(hub.files["me/chats"]) == ["LICENSE.md", "README.md", "data/train-00000-of-00001.parquet"]


def test_a_data_set_that_is_public_gets_nothing_by_accident(
    hub: FakeHub, paths: OutputPaths, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.private["me/chats"], hub.files["me/chats"] = False, {}
    assert push(paths) == 2
    assert "--public says that this is meant" in capfd.readouterr().err
    assert hub.files["me/chats"] == {}
    assert push(paths, "--overwrite", "--public") == 0
    assert "README.md" in hub.files["me/chats"]


@pytest.mark.parametrize(("status", "told"), [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (500, "--overwrite goes on")])
def test_a_push_that_is_refused_says_what_to_do_and_not_the_token(
    status: int, told: str, hub: FakeHub, paths: OutputPaths, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.refuse = status
    assert push(paths) == 1
    said = capfd.readouterr()
    assert told in said.err
    assert TOKEN not in said.out + said.err
    assert paths.output.with_name("made").is_dir()


def test_a_dry_run_sends_nothing(hub: FakeHub, paths: OutputPaths, capfd: pytest.CaptureFixture[str]) -> None:
    assert push(paths, "--dry-run") == 0
    assert 'load_dataset("me/chats")' in capfd.readouterr().out
    assert not hub.tokens
