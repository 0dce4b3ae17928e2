import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from exports import export, made, rows, talk, write_run
from hypothesis import given
from hypothesis import strategies as st
from outputs import HEADER, Snapshot, make_run
from quick import each_row
from sweep import at_most

from asyncgen.audit.filter import Plan as FilterPlan
from asyncgen.audit.filter import filter_output
from asyncgen.command.main import main
from asyncgen.conversation import Message, digest_conversation, encode_line
from asyncgen.data.dataset import Dataset
from asyncgen.data.dropped import append_mark
from asyncgen.errors import ConfigError, OutputError
from asyncgen.export.checks import END
from asyncgen.export.export import DAMAGED, DROPPED, UNFINISHED, ExportPlan, export_output, open_sources
from asyncgen.export.formats import FORMATS
from asyncgen.export.tokens import estimate_tokens
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Dimension, Group

COLUMNS = ["messages", "conversation_id", "index", "topic", "persona", "openers", "model"]


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return write_run(tmp_path / "x.jsonl", [talk(number) for number in range(6)])


def said(row: Any) -> list[str]:
    return [each["content"] for each in row["messages"]]


# ---- which lines, in which order


def test_rows_stand_in_the_order_of_the_lines_and_the_output_is_only_read(paths: OutputPaths, tmp_path: Path) -> None:
    before = Snapshot.of(tmp_path)
    result = export(paths.output, tmp_path / "made.jsonl")
    assert [said(each) for each in rows(tmp_path / "made.jsonl")] == [
        [each.content for each in talk(number)] for number in range(6)
    ]
    assert (result.rows, result.left_out) == (6, {})
    for path in ("made.jsonl", "made.jsonl.rows.jsonl"):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == 0o600
        (tmp_path / path).unlink()
    assert Snapshot.of(tmp_path) == before


def test_the_same_export_writes_the_same_bytes(paths: OutputPaths, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(paths.output, tmp_path / name, metadata=True, splits={"train": 0.5, "validation": 0.5})
    for name in ("train.jsonl", "valid.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a.rows.jsonl").read_bytes() == (tmp_path / "b.rows.jsonl").read_bytes()


def test_the_sidecar_tells_line_and_index_of_each_row(paths: OutputPaths, tmp_path: Path) -> None:
    append_mark(paths, digest_conversation(talk(1)), is_dropped=True)
    export(paths.output, tmp_path / "made.jsonl")
    assert rows(tmp_path / "made.jsonl.rows.jsonl") == [
        {"split": "train", "row": row, "line": line, "index": 6 - line} for row, line in enumerate([1, 3, 4, 5, 6])
    ]


def test_what_stays_out_is_counted_by_reason_with_its_lines(paths: OutputPaths, tmp_path: Path) -> None:
    append_mark(paths, digest_conversation(talk(0)), digest_conversation(talk(3)), is_dropped=True)
    lines = paths.output.read_bytes().splitlines(keepends=True)
    lines[2:2] = [b'{"torn": \n', encode_line((*talk("x"), Message("user", "and?")))]
    paths.output.write_bytes(b"".join(lines) + b'[{"role":"us')
    result = export(paths.output, tmp_path / "made.jsonl")
    told = {reason: (tally.count, tally.first) for reason, tally in result.left_out.items()}
    assert told == {DAMAGED: (1, ["3"]), UNFINISHED: (1, ["9"]), DROPPED: (2, ["1", "6"]), END: (1, ["4"])}
    assert [each["line"] for each in rows(tmp_path / "made.jsonl.rows.jsonl")] == [2, 5, 7, 8]


@pytest.mark.parametrize("command", ["export", "filter"])
def test_what_is_still_to_be_made_is_told_by_whoever_writes_what_there_is(
    paths: OutputPaths, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(paths.output), "-o", str(tmp_path / "all.jsonl")]) == 0
    assert "pending" not in capsys.readouterr().out
    paths.output.write_bytes(b"".join(paths.output.read_bytes().splitlines(keepends=True)[:4]))
    assert main([command, str(paths.output), "-o", str(tmp_path / "some.jsonl")]) == 0
    assert "pending 2 of 6 that were asked for" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("form", ["arrays", "objects", "with metadata", "rewritten"])
def test_a_file_that_no_run_made_is_exported_too(form: str, tmp_path: Path) -> None:
    line = {
        "arrays": encode_line(talk(0)),
        "objects": b'{"messages":' + encode_line(talk(0)).rstrip() + b"}\n",
        "with metadata": encode_line(talk(0), {"index": 7}),
        "rewritten": json.dumps([{"content": m.content, "role": m.role} for m in talk(0)], indent=None).encode(),
    }[form]
    (tmp_path / "foreign.jsonl").write_bytes(line)
    export(tmp_path / "foreign.jsonl", tmp_path / "made.jsonl", metadata=True)
    (row,) = rows(tmp_path / "made.jsonl")
    assert row == {
        "messages": [{"role": m.role, "content": m.content} for m in talk(0)],
        "conversation_id": digest_conversation(talk(0)).hex(),
        "index": None,
        "model": None,
    }
    assert rows(tmp_path / "made.jsonl.rows.jsonl") == [{"split": "train", "row": 0, "line": 1, "index": None}]


@pytest.mark.parametrize("content", [b"", b"\n\n", b'{"torn": \n', encode_line(talk(0)[:1])])
def test_where_there_is_nothing_to_write_nothing_is_written(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(ConfigError, match=r"there is nothing to write|holds no conversation"):
        export(tmp_path / "x.jsonl", tmp_path / "made.jsonl")
    assert [each.name for each in tmp_path.iterdir()] == ["x.jsonl"]


# ---- columns, system message


def test_metadata_has_the_same_keys_in_every_row_and_lists_as_lists(paths: OutputPaths, tmp_path: Path) -> None:
    with paths.output.open("ab") as file:
        file.write(encode_line(talk("by hand")))
    export(paths.output, tmp_path / "made.jsonl", metadata=True)
    made_rows = rows(tmp_path / "made.jsonl")
    assert [list(each) for each in made_rows] == [COLUMNS] * 7
    dataset = Dataset.open(paths.output)
    for row, record in zip(made_rows[:6], dataset.records(), strict=False):
        assert row["index"] == record.index is not None
        scenario = dataset.scenario(row["index"])
        assert (row["topic"], row["persona"]) == tuple(scenario[name][0][1] for name in ("topic", "persona"))
        assert row["openers"] == [value for _, value in scenario["openers"]]
        assert row["conversation_id"] == digest_conversation(record.conversation).hex()
    assert [each["model"] for each in made_rows] == [*["some/model"] * 5, "another/model", None]
    assert [made_rows[6][name] for name in ("index", "topic", "openers")] == [None, None, []]


def test_a_dimension_with_a_name_that_is_taken_is_called_otherwise(tmp_path: Path) -> None:

    dimensions = [Dimension(name, (Group("", (name,)),)) for name in ("model", "tools", "scenario_model", "mood")]
    header = msgspec.structs.replace(HEADER, dimensions=tuple(dimensions))
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    make_run(paths, [[made(0, talk(0))]], header)
    export(paths.output, tmp_path / "made.jsonl", metadata=True)
    (row,) = rows(tmp_path / "made.jsonl")
    del row["messages"], row["conversation_id"]
    assert row == {
        "index": 0,
        "scenario_scenario_model": "model",
        "scenario_tools": "tools",
        "scenario_model": "scenario_model",
        "mood": "mood",
        "model": "some/model",
    }


def test_a_system_message_comes_first_but_for_a_conversation_that_has_one(paths: OutputPaths, tmp_path: Path) -> None:
    own = (Message("system", "You are Bob."), *talk("own"))
    with paths.output.open("ab") as file:
        file.write(encode_line(own))
    result = export(paths.output, tmp_path / "made.jsonl", system="You are Ada.")
    assert [said(each)[0] for each in rows(tmp_path / "made.jsonl")] == [*["You are Ada."] * 6, "You are Bob."]
    assert result.own_system.first == ["7"]


@pytest.mark.parametrize(
    ("to", "flag", "plan"),
    [
        ("arrays", "--system", {"system": "You are Ada."}),
        *((to, "--metadata", {"metadata": True}) for to in ("openai", "gemini", "bedrock", "arrays", "nanochat")),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    paths: OutputPaths, tmp_path: Path, to: str, flag: str, plan: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=flag):
        export(paths.output, tmp_path / "made", to, **plan)


def test_the_recipe_names_the_system_message_unless_a_flag_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bread = tmp_path / "bread"
    bread.mkdir()
    (bread / "recipe.toml").write_text(
        'name = "bread"\nknowledge = "k.md"\n[request]\nmodel = "m"\n[prompt]\nuser = "u.md"\n'
        '[[dimension]]\nname = "topic"\nvalues = ["rye"]\n[export]\nsystem = "ada.md"\n'
    )
    for name, text in (("k.md", "230 degrees"), ("u.md", "{topic} {knowledge}"), ("ada.md", "\nYou are Ada.\n")):
        (bread / name).write_text(text)
    recipe = load_recipe(str(bread))
    header = msgspec.structs.replace(
        HEADER, recipe=recipe.source, dimensions=recipe.dimensions, digests=recipe.digests()
    )
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    make_run(paths, [[made(0, talk(0))]], header)
    (tmp_path / "bob.txt").write_text("You are Bob.")
    firsts = []
    for number, flags in enumerate(([], ["--no-system"], ["--system", str(tmp_path / "bob.txt")], ["--to", "arrays"])):
        path = tmp_path / f"{number}.jsonl"
        assert main(["export", str(paths.output), "-o", str(path), *flags]) == 0
        row = rows(path)[0]
        firsts.append((row if isinstance(row, list) else row["messages"])[0]["content"])
    question = talk(0)[0].content
    assert firsts == ["You are Ada.", question, "You are Bob.", question]
    assert "system You are Ada." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("messages", "a.json"),
        ("messages", "a.parquet"),
        ("parquet", "a.jsonl"),
        ("nanochat", "a.parquet"),
        ("hub", "a.jsonl"),
    ],
)
def test_a_name_of_a_file_that_is_not_written_is_refused(
    to: str, name: str, paths: OutputPaths, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=rf"a\.\w+ looks like a file, and {to} is .*a folder"):
        export(paths.output, tmp_path / name, to)


@pytest.mark.parametrize(("name", "is_file"), [("a.jsonl", True), ("a.JSONL", True), ("a", False), ("v1.2", False)])
def test_a_path_is_a_file_by_its_ending(name: str, is_file: bool, paths: OutputPaths, tmp_path: Path) -> None:  # noqa: FBT001
    export(paths.output, tmp_path / name)
    assert (tmp_path / name).is_file() == is_file


# ---- length


def test_what_is_long_is_counted_and_left_out_only_if_asked_for(tmp_path: Path) -> None:
    long = (Message("user", "?"), Message("assistant", "word " * 2000))
    paths = write_run(tmp_path / "x.jsonl", [talk(0), long, talk(1)])
    tokens = [estimate_tokens(each) for each in (talk(0), long)]
    result = export(paths.output, tmp_path / "a.jsonl", max_tokens=100)
    assert {limit: tally.first for limit, tally in result.long.items()} == {100: ["2"], 1024: ["2"], 2048: ["2"]}
    assert (result.longest, result.rows) == (tokens[1], 3)
    result = export(paths.output, tmp_path / "b.jsonl", max_tokens=100, drops_long=True)
    assert (result.longest, result.rows) == (tokens[0], 2)
    assert {reason: tally.first for reason, tally in result.left_out.items()} == {"longer than 100 tokens": ["2"]}
    assert not any(tally.count for tally in result.long.values())


# ---- splits


@at_most(20)
@given(order=st.permutations(range(60)), without=st.sets(st.integers(0, 59), max_size=4), seed=st.integers(-3, 3))
def test_a_conversation_stays_on_its_side_whatever_comes_and_goes(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], without: set[int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    splits = {"train": 0.5, "validation": 0.3, "test": 0.2}  # no side is so small that none of it may be left
    sides = []
    for name, numbers in (("all", range(60)), ("some", [each for each in order if each not in without])):
        (folder / f"{name}.jsonl").write_bytes(b"".join(encode_line(talk(each)) for each in numbers))
        export(folder / f"{name}.jsonl", folder / name, splits=splits, seed=seed)
        sides.append(
            {
                tuple(said(row)): split
                for split in ("train", "valid", "test")
                for row in rows(folder / name / f"{split}.jsonl")
            }
        )
    whole, some = sides
    assert len(whole) == 60
    assert len(some) == 60 - len(without)
    assert all(whole[row] == side for row, side in some.items())


def test_a_further_split_takes_from_train_alone(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"".join(encode_line(talk(number)) for number in range(200)))
    export(tmp_path / "x.jsonl", tmp_path / "two", splits={"train": 0.9, "validation": 0.1})
    export(tmp_path / "x.jsonl", tmp_path / "three", splits={"train": 0.7, "validation": 0.1, "test": 0.2})
    assert rows(tmp_path / "two" / "valid.jsonl") == rows(tmp_path / "three" / "valid.jsonl")


def test_shares_are_about_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"".join(encode_line(talk(number)) for number in range(2000)))
    result = export(tmp_path / "x.jsonl", tmp_path / "made", splits={"train": 0.8, "validation": 0.1, "test": 0.1})
    train, valid, test = result.files.values()
    assert 1550 < train < 1650
    assert abs(valid - test) < 60
    assert [each.name for each in result.files] == ["train.jsonl", "valid.jsonl", "test.jsonl"]


def test_a_split_that_gets_nothing_is_refused(paths: OutputPaths, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="validation would have no row"):
        export(paths.output, tmp_path / "made", splits={"train": 0.9999, "validation": 0.0001})
    assert not (tmp_path / "made").exists()


def test_the_parts_of_a_filter_are_the_splits(paths: OutputPaths, tmp_path: Path) -> None:
    filter_output(Dataset.open(paths.output), FilterPlan(tmp_path / "clean.jsonl", {}, split=0.5))
    export(tmp_path / "clean.jsonl", tmp_path / "made", metadata=True)
    for part, name in (("train", "train.jsonl"), ("validation", "valid.jsonl")):
        records = list(Dataset.open(tmp_path / f"clean.{part}.jsonl").records())
        assert [each["index"] for each in rows(tmp_path / "made" / name)] == [each.index for each in records]
    with pytest.raises(ConfigError, match="a filter has parted it already"):
        export(tmp_path / "clean.jsonl", tmp_path / "again", splits={"train": 0.5, "test": 0.5})
    with pytest.raises(ConfigError, match="name a folder"):
        export(tmp_path / "clean.jsonl", tmp_path / "one.jsonl")


# ---- whole or not at all


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("path", ["made.jsonl", "made"])
def test_an_export_that_ends_early_leaves_what_was_there(
    paths: OutputPaths, tmp_path: Path, path: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(paths.output, tmp_path / path, system="an earlier one")
    before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        export(paths.output, tmp_path / path, overwrite=True)
    assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before


def test_an_output_that_changes_meanwhile_is_not_believed(paths: OutputPaths, tmp_path: Path) -> None:

    sources = open_sources(paths.output)
    lines = paths.output.read_bytes().splitlines(keepends=True)
    paths.output.write_bytes(b"".join([*lines[1:], lines[0]]))
    with pytest.raises(ConfigError, match="changed while it was read"):
        export_output(sources, ExportPlan(tmp_path / "made.jsonl", FORMATS["messages"]))
    assert (
        sorted(each.name for each in tmp_path.iterdir())
        == sorted(["x.jsonl", "x.jsonl.journal", "x.jsonl.rejects", "x.jsonl.lock"][: len(list(tmp_path.iterdir()))])
        or not (tmp_path / "made.jsonl").exists()
    )


@pytest.mark.parametrize("to", ["parquet", "nanochat", "hub"])
def test_without_the_library_for_parquet_there_is_one_sentence_with_the_line_to_type(
    to: str, paths: OutputPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "asyncgen.export.parquet", raising=False)
    with pytest.raises(ConfigError, match=r"-m pip install pyarrow \(the extra asyncgen\[parquet\]\)"):
        export(paths.output, tmp_path / "made", to)
    assert not (tmp_path / "made").exists()


# ---- the command


def test_the_command_tells_what_it_wrote_and_how_it_is_loaded(
    paths: OutputPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ada.txt").write_text("\nYou are Ada.\n\n")
    line = ["export", str(paths.output), "-o", str(tmp_path / "made.jsonl"), "--system", str(tmp_path / "ada.txt")]
    assert main(line) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "6 rows written, 0 lines left out" in told
    assert "estimated, 4 bytes each" in told
    assert "load_dataset('json', data_files='made.jsonl')" in told
    assert said(rows(tmp_path / "made.jsonl")[0])[0] == "You are Ada."


def test_a_prompt_of_the_writer_is_no_system_message(
    paths: OutputPaths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompt = tmp_path / "system.md"
    for text in ("All facts:\n{knowledge}", "<!-- Edit this. -->\nYou are Ada."):
        prompt.write_text(text)
        line = ["export", str(paths.output), "-o", str(tmp_path / "made.jsonl"), "--system", str(prompt)]
        assert main(line) == 2
        assert "is a prompt for the model that writes conversations" in capsys.readouterr().err


@each_row(
    ("flags", "message"),
    [
        (["--split", "valid=1"], "leave something to train"),
        (["--split", "valid=50%", "--split", "test=0.5"], "leave something to train"),
        (["--split", "train=0.5", "--split", "test=0.4"], "make 1 with it"),
        (["--split", "valid=0.1", "--split", "validation=0.1"], "--split: a name is there twice"),
        (["--no-system", "--system", "x.txt"], "--no-system leaves out: give one of them"),
        (["--drop-long"], "nothing says what is long; give --max-tokens, too"),
        (["--license", "mit"], "--license goes with --to hub"),
        (["--push", "me/x"], "--push goes with --to hub"),
        (["--to", "hub"], "--license has to name"),
        (["--to", "hub", "--license", "mit", "--push", "me"], "expected OWNER/NAME"),
        (["--system", "nowhere.txt"], "--system: nowhere.txt: it cannot be read"),
    ],
)
def test_flags_that_make_no_sense_are_refused_before_anything_is_written(
    paths: OutputPaths, tmp_path: Path, flags: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Snapshot.of(tmp_path)
    assert main(["export", str(paths.output), "-o", str(tmp_path / "made"), *flags]) == 2
    assert message in capsys.readouterr().err
    assert Snapshot.of(tmp_path) == before


@pytest.mark.parametrize(
    "value", ["valid", "valid=", "valid=0", "valid=1.5", "valid=nan", "valid=101%", "dev=0.1", "=0.1"]
)
def test_a_split_that_is_none_is_a_usage_error(paths: OutputPaths, value: str) -> None:
    with pytest.raises(SystemExit):
        main(["export", str(paths.output), "-o", "made", "--split", value])
