from pathlib import Path

import pytest
from exports import export, rows, talk, write_run

from asyncgen.errors import ConfigError
from asyncgen.output.paths import OutputPaths


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return write_run(tmp_path / "x.jsonl", [talk(number) for number in range(3)])


@pytest.mark.parametrize("suffix", ["", ".journal", ".rejects", ".lock", ".dropped", ".audit.json"])
def test_no_file_of_the_input_is_written_over(paths: OutputPaths, suffix: str) -> None:
    with pytest.raises(ConfigError, match="belongs to the input"):
        export(paths.output, Path(f"{paths.output}{suffix}"), overwrite=True)


def test_no_other_output_is_written_over(paths: OutputPaths, tmp_path: Path) -> None:
    write_run(tmp_path / "other.jsonl", [talk(9)])
    with pytest.raises(ConfigError, match="an output with a journal"):
        export(paths.output, tmp_path / "other.jsonl", overwrite=True)


def test_a_folder_that_holds_the_input_is_not_replaced(paths: OutputPaths, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="belongs to the input"):
        export(paths.output, tmp_path, overwrite=True)


@pytest.mark.parametrize("name", ["made.jsonl", "made"])
def test_what_exists_is_replaced_only_if_told(paths: OutputPaths, tmp_path: Path, name: str) -> None:
    export(paths.output, tmp_path / name)
    with pytest.raises(ConfigError, match="--overwrite"):
        export(paths.output, tmp_path / name, system="You are Ada.")
    export(paths.output, tmp_path / name, system="You are Ada.", overwrite=True)
    file = tmp_path / name if name.endswith("l") else tmp_path / name / "train.jsonl"
    assert all(row["messages"][0]["content"] == "You are Ada." for row in rows(file))
    assert not [each for each in tmp_path.iterdir() if each.name.endswith(".part")]


@pytest.mark.parametrize("stranger", ["notes.txt", "data/cat.png", "checkpoint/model.safetensors"])
def test_a_folder_with_anything_else_in_it_is_not_replaced(paths: OutputPaths, tmp_path: Path, stranger: str) -> None:
    export(paths.output, tmp_path / "made")
    (tmp_path / "made" / stranger).parent.mkdir(exist_ok=True)
    (tmp_path / "made" / stranger).write_text("precious")
    with pytest.raises(ConfigError, match=f"holds {stranger}, which no export has written"):
        export(paths.output, tmp_path / "made", overwrite=True)
    assert (tmp_path / "made" / stranger).read_text() == "precious"


def test_a_folder_of_an_earlier_export_is_replaced_whole(tmp_path: Path) -> None:
    paths = write_run(tmp_path / "x.jsonl", [talk(number) for number in range(40)])
    export(paths.output, tmp_path / "made", splits={"train": 0.5, "validation": 0.5})
    export(paths.output, tmp_path / "made", overwrite=True)
    assert sorted(each.name for each in (tmp_path / "made").iterdir()) == ["dataset_info.json", "train.jsonl"]


def test_a_file_and_a_folder_do_not_replace_each_other(paths: OutputPaths, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(ConfigError, match="is no folder"):
        export(paths.output, tmp_path / "file", overwrite=True)
    with pytest.raises(ConfigError, match="is no file"):
        export(paths.output, tmp_path / "folder.jsonl", overwrite=True)


@pytest.mark.parametrize("length", [241, 255, 300])
def test_a_name_without_room_for_those_beside_it_is_refused(paths: OutputPaths, tmp_path: Path, length: int) -> None:
    with pytest.raises(ConfigError, match="too long a name"):
        export(paths.output, tmp_path / ("x" * length))


def test_a_folder_that_is_not_there_is_named(paths: OutputPaths, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        export(paths.output, tmp_path / "nowhere" / "made.jsonl")
