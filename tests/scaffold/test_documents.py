import os
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from asyncgen.errors import ConfigError
from asyncgen.recipe.documents import Document
from asyncgen.scaffold.documents import collect_documents, outline, tell_files
from asyncgen.scaffold.doubts import find_doubts
from asyncgen.scaffold.topics import MOST_TOPICS, find_topics, missing_topics


def made(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".md").write_text(text)
    return folder


def test_documents_stand_under_their_titles_with_their_sources(tmp_path: Path) -> None:
    folder = made(tmp_path / "docs", b="# Bikes\n\nTwo wheels.", a="No heading here.", c__d="Prices\n\nFive euros.")
    (folder / "x.png").write_bytes(b"\0")
    (folder / "empty.txt").write_text("\n")
    collected = collect_documents([folder])
    assert collected.knowledge.join() == (
        "# a\nSource: docs/a.md\n\nNo heading here.\n\n"
        "# Bikes\nSource: docs/b.md\n\nTwo wheels.\n\n"
        "# Prices\nSource: docs/c/d.md\n\nFive euros."
    )
    assert [each.partition(":")[0] for each in collected.skipped] == ["is empty", "is no document by its name"]


def test_files_that_are_left_out_are_counted_by_kind_and_the_reason_is_told_once(tmp_path: Path) -> None:
    folder = made(tmp_path, a="# A\n\nx", b="", c="")
    for number in range(100):
        (folder / f"{number}.json").touch()
    (folder / "x.CSV").touch()
    told = tell_files(collect_documents([folder]).skipped).replace(f"{folder}/", "")
    by_name = "0.json, 1.json, 2.json, ... (100 .json, 1 .csv): each is no document by its name: expected one of .md, "
    assert told.startswith(by_name)
    assert told.endswith("; b.md, c.md: each is empty")
    assert told.count(".docx") == 1


def test_a_file_that_is_named_twice_is_one_document(tmp_path: Path) -> None:
    folder = made(tmp_path / "docs", a="# A\n\nx")
    assert len(collect_documents([folder, folder / "a.md"]).knowledge.documents) == 1


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("nowhere", r"--from .*nowhere: no such file or folder"),
        ("picture.png", r"--from .*picture.png: is no document by its name: expected one of \.md,"),
        ("binary.txt", r"--from .*binary.txt: is no text"),
        ("bare", r"--from: no documents in .*bare: expected files that end in .md"),
    ],
)
def test_what_cannot_be_a_document_is_told(tmp_path: Path, name: str, wrong: str) -> None:
    (tmp_path / "picture.png").write_bytes(b"x")
    (tmp_path / "binary.txt").write_bytes(b"\0\0")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ConfigError, match=wrong):
        collect_documents([tmp_path / name])


def test_every_document_has_one_heading_of_the_first_level(tmp_path: Path) -> None:
    folder = made(tmp_path, a="# One\n\nx\n\n# Two\n\n## Three\n\n```\n# no heading\n```")
    (document,) = collect_documents([folder]).knowledge.documents
    assert document.text == "# One\n\nx\n\n## Two\n\n### Three\n\n```\n# no heading\n```"


def test_a_text_without_headings_has_them_where_a_short_line_stands_alone_above_a_longer_one(tmp_path: Path) -> None:
    parts = [
        *("Manual", "Read this before you ride, and keep it.", "Radhaus 2026"),
        *("The brakes of this bike", "Pull both of them, always.", "Radhaus 2026"),
        *("of no use", "A line in small letters is no heading."),
        *("2.1 Lights", "Switch them on when it gets dark."),
    ]
    text = "\n\n".join(parts)
    (tmp_path / "manual.txt").write_text(text)
    (document,) = collect_documents([tmp_path]).knowledge.documents
    assert find_topics([document]) == {"Manual": ["Manual", "The brakes of this bike", "Manual: Lights"]}


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("e-bikes und akkus", "e-bikes und akkus"),
        ("e-bikes_2026", "e-bikes 2026"),
        ("how-to", "how to"),
        ("a\nb", "a b"),
    ],
)
def test_a_file_without_a_title_is_called_by_its_name_in_words(tmp_path: Path, name: str, title: str) -> None:
    (tmp_path / f"{name}.txt").write_text("It is a sentence.")
    (document,) = collect_documents([tmp_path]).knowledge.documents
    assert document.text.startswith(f"# {title}\n")
    assert "\n" not in document.source


def test_topics_are_the_headings_that_have_text_by_document() -> None:
    documents = [
        Document(
            "shop.md",
            "# The shop\n\nIt is old.\n\n## Hours\n\nNine to five.\n\n## 2.1 How to *get* [here](x) #\n\nBy tram.",
        ),
        Document("rent.md", "# Rental\n\n## Prices\n\n### Day by day and by the week\n\nTen."),
        Document("faq.md", "# Questions\n\nNone yet."),
        Document("old.md", "# The shop\n\n## hours\n\nOnce."),
    ]
    topics = find_topics(documents)
    assert topics == {
        "The shop": ["The shop", "The shop: Hours", "How to get here"],
        "Rental": ["Day by day and by the week"],
        "Questions": ["Questions"],
    }
    assert missing_topics(documents, ["the shop", "the shop: hours", "questions", "more"]) == [
        "How to get here",
        "Day by day and by the week",
    ]


def test_where_there_are_very_many_headings_the_deep_ones_are_none() -> None:
    deep = "\n\n".join(f"#### Part number {number} of it\n\nx" for number in range(MOST_TOPICS))
    text = f"# Manual\n\n## How it is built and run\n\nx\n\n{deep}"
    assert find_topics([Document("x.md", text)]) == {"Manual": ["How it is built and run"]}


@given(st.text(alphabet="#`~ =-\nab1.*[]()", max_size=60))
def test_any_text_has_an_outline(text: str) -> None:
    document = Document("x.md", f"# Title\n\n{text}")
    assert outline(document).title == "Title"
    assert all(each.title.strip() for each in outline(document).sections)


def test_what_is_no_file_keeps_nobody_waiting_and_what_was_guessed_is_told(tmp_path: Path) -> None:
    folder = made(tmp_path / "docs", a="# A\n\nx")
    os.mkfifo(folder / "pipe.txt")
    (folder / "device.txt").symlink_to("/dev/zero")
    (folder / "up").symlink_to("..")
    (folder / "old.txt").write_bytes("Für".encode("windows-1252"))
    collected = collect_documents([folder])
    assert {reason: [each.name for each in paths] for reason, paths in collected.skipped.items()} == {
        "is no ordinary file": ["device.txt"],
        "is empty": ["pipe.txt"],
        "is a link that leads back to where it stands": ["up"],
    }
    (told, *_) = find_doubts(replace(collected, skipped={}))
    assert told.startswith(f"perhaps read wrong: {folder / 'old.txt'} is no UTF-8: read as windows-1252")


def test_more_than_a_knowledge_base_holds_is_told_with_the_largest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncgen.scaffold.documents.MOST_BYTES", 100)
    folder = made(tmp_path / "docs", a="# A\n\nx", b="# B\n\n" + "y" * 90)
    with pytest.raises(ConfigError, match=r"^--from: 1\d\d bytes of text, .* holds 100: .*largest is .*b\.md \(95\)$"):
        collect_documents([folder])


def test_of_very_many_reasons_some_are_told() -> None:
    told = tell_files({f"is {number}": [Path("a"), Path("b")] for number in range(20)})
    assert told.startswith("a, b: each is 0; ")
    assert told.endswith("each is 7; and 24 further files")
