"""Each format of lines, byte for byte. Who changes one on purpose deletes its golden file and runs the test."""

import json
from pathlib import Path
from typing import Any

import pytest
from exports import export, rows, talk, write_run

from asyncgen.conversation import Message, decode_line
from asyncgen.export.formats import FORMATS

GOLDENS = Path(__file__).parent / "golden"
LINES = [name for name, each in FORMATS.items() if each.to_row is not None]


@pytest.mark.parametrize("name", LINES)
def test_a_format_of_lines_stays_as_it_is(name: str, tmp_path: Path) -> None:
    own_system = (Message("system", "You are Ada."), *talk("c"))
    paths = write_run(tmp_path / "x.jsonl", [talk("a"), talk("b", turns=2), own_system])
    settings: dict[str, Any] = {"metadata": FORMATS[name].takes_metadata}
    export(paths.output, tmp_path / "made.jsonl", name, **settings)
    golden = GOLDENS / f"{name}.jsonl"
    if not golden.exists():
        golden.write_bytes((tmp_path / "made.jsonl").read_bytes())
    assert (tmp_path / "made.jsonl").read_bytes() == golden.read_bytes()


@pytest.mark.parametrize("name", LINES)
def test_no_reader_takes_a_row_for_two(name: str, tmp_path: Path) -> None:
    paths = write_run(tmp_path / "x.jsonl", [talk("a"), talk("b", turns=2)])
    export(paths.output, tmp_path / "made.jsonl", name)
    assert len((tmp_path / "made.jsonl").read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize("name", ["messages", "openai", "arrays"])
def test_lines_of_messages_are_an_output_again(name: str, tmp_path: Path) -> None:
    paths = write_run(tmp_path / "x.jsonl", [talk("a"), talk("b", turns=2)])
    export(paths.output, tmp_path / "made.jsonl", name)
    made = [decode_line(line) for line in (tmp_path / "made.jsonl").read_bytes().splitlines(keepends=True)]
    assert made == [talk("a"), talk("b", turns=2)]


@pytest.mark.parametrize(
    ("name", "column", "role"), [("messages", "messages", "role"), ("sharegpt", "conversations", "from")]
)
def test_a_folder_tells_llamafactory_what_its_columns_are_called(
    name: str, column: str, role: str, tmp_path: Path
) -> None:
    paths = write_run(tmp_path / "x.jsonl", [talk(number) for number in range(40)])
    export(paths.output, tmp_path / "bike", name, splits={"train": 0.5, "validation": 0.5}, system="You are Ada.")
    entries = json.loads((tmp_path / "bike" / "dataset_info.json").read_bytes())
    assert [each["file_name"] for each in entries.values()] == ["train.jsonl", "valid.jsonl"]
    for entry in entries.values():
        assert entry["formatting"] == "sharegpt"
        turns = rows(tmp_path / "bike" / entry["file_name"])[0][entry["columns"]["messages"]]
        assert entry["columns"]["messages"] == column
        tags = entry["tags"]
        assert tags["role_tag"] == role
        assert [turn[tags["role_tag"]] for turn in turns] == [
            tags["system_tag"],
            tags["user_tag"],
            tags["assistant_tag"],
        ]
        assert turns[0][tags["content_tag"]] == "You are Ada."
