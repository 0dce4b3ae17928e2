"""The data card: all that is known of how the data was made, and nothing that may be private."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from audited import DIMENSIONS
from exports import made, talk
from outputs import HEADER, make_run, rejected

from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.filter import Plan, filter_output
from asyncgen.audit.kept import write_audit
from asyncgen.conversation import Message, encode_line
from asyncgen.data.dataset import Dataset
from asyncgen.export.card import write_card
from asyncgen.export.export import open_sources
from asyncgen.output.files import Record
from asyncgen.output.journal import Done, encode_entry
from asyncgen.output.paths import OutputPaths


def card(output: Path, **settings: Any) -> str:
    given: dict[str, Any] = {
        "rows": {"train": 3},
        "left_out": [],
        "columns": [],
        "has_system": False,
        "licence": "cc-by-4.0",
        "name": "chats",
        "repository": "me/chats",
    }
    return write_card(open_sources(output), **given | settings)


def front(text: str) -> dict[str, Any]:
    """The part that programs read; its values are JSON, which is YAML, too."""
    _, head, _ = text.split("---\n", 2)
    return {
        key: json.loads(value)
        for key, _, value in (line.partition(": ") for line in head.splitlines())
        if value.startswith(("[", '"'))
    }


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    header = msgspec.structs.replace(
        HEADER,
        dimensions=DIMENSIONS,
        base_url="https://user:password@gateway.example/v1",
        recipe=str(tmp_path / "bike-shop" / "recipe.toml"),
        request={"model": "some/model", "temperature": 0.5, "user": "me@home.example", "reasoning": {"effort": "low"}},
    )
    records = [made(0, talk(0)), made(1, talk(1)), made(2, talk(2), "another/model"), rejected(3)]
    make_run(paths, [records], header)
    return paths


def test_its_front_tells_programs_what_it_is(paths: OutputPaths) -> None:
    assert front(card(paths.output)) == {
        "license": "cc-by-4.0",
        "pretty_name": "chats",
        "tags": ["synthetic", "asyncgen"],
        "task_categories": ["text-generation"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "size_categories": ["n<1K"],
    }


@pytest.mark.parametrize(
    ("rows", "size"),
    [(999, "n<1K"), (1000, "1K<n<10K"), (20_000, "10K<n<100K"), (10**6, "1M<n<10M"), (10**8, "n>10M")],
)
def test_its_size_category_is_counted(paths: OutputPaths, rows: int, size: str) -> None:
    text = card(paths.output, rows={"train": rows - 1, "test": 1})
    assert front(text)["size_categories"] == [size]
    assert "  - split: test\n    path: data/test-*.parquet\n" in text


def test_it_says_how_the_data_was_made_and_what_that_took(paths: OutputPaths) -> None:
    text = card(paths.output, columns=["index", "topic"], left_out=[("marked as dropped", 4)])
    for row in (
        "| train | 3 |",
        "| recipe | bike-shop |",
        "| written by | some/model (2), another/model (1) |",
        "| provider | openrouter |",
        "| begun | 2026-01-01 |",
        "| scenarios | balanced/1, seed none |",
        '| settings | temperature 0.5, reasoning {"effort":"low"} |',
        "| digest of the prompts | 12 |",
        "| calls | 4 |",
        "| tokens | 300 in, 60 out |",
        "| cost | $0.0040 |",
        "| replies not used | 1 not-json |",
        "| topic | 3 |",
        "| 4 | marked as dropped |",
        "Further columns: `index`, `topic`.",
        'load_dataset("me/chats")',
    ):
        assert row in text


def test_it_tells_nothing_that_may_be_private(paths: OutputPaths) -> None:
    text = card(paths.output)
    for private in ("password", "gateway.example", "me@home.example", str(paths.output.parent)):
        assert private not in text


def test_what_a_model_or_a_recipe_is_called_is_only_text(tmp_path: Path) -> None:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    request = {"model": "a|b<script>\n# c\x1b[2J"}
    make_run(paths, [[made(0, talk(0))]], msgspec.structs.replace(HEADER, request=request))
    text = card(paths.output, name="x\n---\nlicense: mit")
    assert "| written by | a\\|b&lt;script>?# c?[2J (1) |" in text
    assert front(text)["pretty_name"] == "x?---?license: mit"
    assert text.count("\n---\n") == 1


def test_it_tells_what_a_filter_has_left_out_and_what_the_whole_cost(paths: OutputPaths) -> None:
    clean = paths.output.with_name("clean.jsonl")
    filter_output(Dataset.open(paths.output), Plan(clean, {"email": [2]}))
    text = card(clean)
    assert "| 1 | email |" in text
    assert "| cost | $0.0020 |" in text
    assert "| before a filter | 3 lines, by 4 calls for $0.0040 |" in text
    assert "| replies not used | 1 not-json |" in text


def test_it_tells_the_rates_of_an_audit_that_is_true_of_the_file(paths: OutputPaths) -> None:
    assert "What an audit found" not in card(paths.output)
    dataset = Dataset.open(paths.output)
    write_audit(dataset, audit_dataset(dataset))
    text = card(paths.output)
    assert "| near-duplicate | 0 | 0.00% |" in text
    with paths.output.open("ab") as file:
        file.write(encode_line(talk(9)))
    assert "What an audit found" not in card(paths.output)


def test_quotations_of_the_offline_engine_are_called_that(tmp_path: Path) -> None:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    make_run(paths, [[made(0, talk(0))]], msgspec.structs.replace(HEADER, provider="offline"))
    assert "no material for training" in card(paths.output)
    assert "| written by | offline (1) |" in card(paths.output)


def test_of_lines_that_no_run_made_only_their_number_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(encode_line((Message("user", "hi"), Message("assistant", "ho"))))
    text = card(tmp_path / "x.jsonl", rows={"train": 1})
    assert "1 conversation between a user and an assistant" in text
    assert "How it was made" not in text
    assert "synthetic" not in text
    assert front(text).keys() == {"license", "pretty_name", "task_categories", "size_categories"}


def test_an_unknown_cost_is_no_zero(tmp_path: Path) -> None:
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    record = made(0, talk(0))
    unpriced = msgspec.structs.replace(msgspec.json.decode(record.entries, type=Done), cost=None)
    make_run(paths, [[Record(encode_entry(unpriced), record.line)]])
    assert "| cost |" not in card(paths.output)
    make_run(
        priced := OutputPaths.of(tmp_path / "y.jsonl"),
        [[Record(encode_entry(unpriced), record.line), made(1, talk(1))]],
    )
    assert "| cost | at least $0.0010 |" in card(priced.output)
