import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asyncgen.errors import ConfigError
from asyncgen.recipe.documents import MOST_BYTES_IN_ALL, Knowledge, read_documents
from asyncgen.recipe.load import load_recipe, read_knowledge, read_recipe
from asyncgen.recipe.problems import Problems
from asyncgen.scaffold.documents import collect_documents

RECIPE = """\
name = "shop"
knowledge = %s
[request]
model = "some/model"
[prompt]
user = "user.md"
[[dimension]]
name = "topic"
values = ["bells"]
"""
Fill = Callable[..., Path]


@pytest.fixture
def fill(tmp_path: Path) -> Fill:
    def fill(**texts: str) -> Path:
        """Files by their path, with `__` for `/` and `_` for the last dot."""
        for name, text in texts.items():
            stem, _, suffix = name.replace("__", "/").rpartition("_")
            path = tmp_path / f"{stem}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return fill


def read(folder: Path, named: str | list[str]) -> tuple[Knowledge, list[str]]:
    problems = Problems(folder / "recipe.toml")
    return read_documents(folder, named, ("knowledge",), problems), list(map(str, problems.found))


def test_one_file_is_read_as_it_stands(fill: Fill) -> None:
    knowledge, problems = read(fill(facts_md="\n\nNo heading.\n\n"), "facts.md")
    assert (knowledge.join(), problems) == ("No heading.", [])


def test_each_of_several_documents_has_a_heading_and_its_source(fill: Fill) -> None:
    folder = fill(faq_md="\n## Questions\n\nWhy?\n", about_txt="We ride.\n")
    knowledge, problems = read(folder, ["faq.md", "about.txt"])
    assert problems == []
    assert knowledge.join() == "## Questions\nSource: faq.md\n\nWhy?\n\n# about\nSource: about.txt\n\nWe ride."
    assert knowledge.files == (folder / "faq.md", folder / "about.txt")


def test_a_folder_is_read_in_the_order_in_which_a_person_lists_it(fill: Fill) -> None:
    folder = fill(
        docs__b_md="b", docs__a__10_txt="10", docs__a__9_txt="9", docs__a__sub__x_rst="x", docs__c_markdown="c"
    )
    knowledge, _ = read(folder, "docs")
    assert [each.source for each in knowledge.documents] == [
        "docs/a/9.txt",
        "docs/a/10.txt",
        "docs/a/sub/x.rst",
        "docs/b.md",
        "docs/c.markdown",
    ]


def test_hidden_files_are_no_documents_and_other_ones_are_told(fill: Fill) -> None:
    folder = fill(docs__a_md="a", docs__b_pdf="%PDF", docs__c_PNG="x", docs__sub__d_docx="x", docs__e_html="x")
    (folder / "docs" / ".git").mkdir()
    (folder / "docs" / ".git" / "notes.md").write_text("x")
    (folder / "docs" / ".hidden.md").write_text("x")
    (folder / "docs" / "~$a.md").write_text("x")
    knowledge, problems = read(folder, "docs")
    assert [each.text for each in knowledge.documents] == ["a"]
    assert problems == [f"{folder / 'docs'}: left out, because not named as texts are: b.pdf, c.PNG, e.html and 1 more"]


def test_a_file_that_is_named_twice_is_read_once(fill: Fill) -> None:
    knowledge, _ = read(fill(docs__a_md="a", docs__b_md="b"), ["docs/b.md", "docs"])
    assert [each.source for each in knowledge.documents] == ["docs/b.md", "docs/a.md"]


def test_a_path_of_this_machine_is_not_in_the_text(fill: Fill) -> None:
    folder = fill(docs__a_md="a", b_md="b")
    knowledge, _ = read(folder / "elsewhere", [str(folder / "docs"), str(folder / "b.md")])
    assert [each.source for each in knowledge.documents] == ["docs/a.md", "b.md"]


@pytest.mark.skipif(sys.platform == "darwin", reason="all names are UTF-8 there")
def test_a_name_that_is_not_utf_8_is_told_with_a_mark(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "b\udcfc.md").write_text("Bread.")
    knowledge, problems = read(tmp_path, "docs")
    assert ("b?.md" in knowledge.join(), problems) == (True, [])
    collected = collect_documents([tmp_path / "docs"])
    assert "# b?" in collected.knowledge.join()
    with pytest.raises(ConfigError, match=r"its name is not UTF-8.*; rename it"):
        collect_documents([tmp_path / "docs" / "b\udcfc.md"])


def test_every_document_that_cannot_be_used_is_told(fill: Fill) -> None:
    folder = fill(docs__a_md=" \n", docs__b_md="b", empty__x_pdf="x")
    (folder / "docs" / "c.md").write_bytes(b"caf\xe9")
    _, problems = read(folder, ["docs", "none.md", "empty"])
    ends = ".md, .markdown, .mdx, .txt, .text, .rst, .adoc, .org"
    assert problems == [
        f"{folder / 'empty'}: left out, because not named as texts are: x.pdf",
        f"{folder / 'recipe.toml'}: knowledge[2]: expected documents in {folder / 'empty'}, files that end in {ends}",
        f"{folder / 'docs' / 'a.md'}: the document is empty",
        f"{folder / 'docs' / 'c.md'}: the document is not UTF-8 (byte 3): save it as UTF-8",
        f"{folder / 'none.md'}: the document cannot be read: No such file or directory",
    ]


def test_more_than_any_memory_is_for_is_refused(fill: Fill) -> None:
    folder = fill(docs__a_md="x" * (16 * 1024 * 1024))
    for number in range(4):
        (folder / "docs" / f"b{number}.md").hardlink_to(folder / "docs" / "a.md")
    _, problems = read(folder, "docs")
    assert MOST_BYTES_IN_ALL == 4 * 16 * 1024 * 1024
    assert problems == [
        f"{folder / 'recipe.toml'}: knowledge: expected at most 67,108,864 characters in all, got 83,886,080"
    ]


def test_a_folder_that_is_a_recipe_does_not_hand_out_its_prompts(fill: Fill) -> None:
    folder = fill(recipe_toml=RECIPE % '"."', user_md="{knowledge} {topic}", facts_md="Facts.")
    assert load_recipe(str(folder)).knowledge == "# facts\nSource: facts.md\n\nFacts."


def test_no_file_that_a_recipe_uses_otherwise_is_a_document(fill: Fill) -> None:
    toml = RECIPE.replace('values = ["bells"]', 'from = "topics.txt"') % '"."' + '[export]\nsystem = "persona.md"\n'
    folder = fill(
        recipe_toml=toml,
        user_md="{knowledge} {topic}",
        facts_md="Facts.",
        topics_txt="bells",
        persona_md="You are Ada.",
    )
    recipe = load_recipe(str(folder))
    assert recipe.knowledge == "# facts\nSource: facts.md\n\nFacts."
    assert load_recipe(str(folder), knowledge=folder).digests()["knowledge"] != recipe.digests()["knowledge"]
    assert {path.name for path in recipe.files} == {"recipe.toml", "user.md", "facts.md", "topics.txt", "persona.md"}


def test_what_is_read_from_a_folder_is_what_an_audit_reads_from_it(fill: Fill) -> None:
    folder = fill(docs__a_md="a", docs__b_md="b", recipe_toml=RECIPE % '["docs"]', user_md="{knowledge} {topic}")
    recipe = load_recipe(str(folder))
    assert recipe.knowledge == "# a\nSource: docs/a.md\n\na\n\n# b\nSource: docs/b.md\n\nb"
    assert read_knowledge(folder / "docs") == recipe.knowledge
    assert load_recipe(str(folder), knowledge=folder / "docs").digests() == recipe.digests()
    with pytest.raises(ConfigError, match="the knowledge base cannot be read"):
        read_knowledge(folder / "none")


def test_a_changed_document_is_a_changed_knowledge_base(fill: Fill) -> None:
    folder = fill(docs__a_md="a", docs__b_md="b", recipe_toml=RECIPE % '"docs"', user_md="{knowledge} {topic}")
    before = load_recipe(str(folder)).digests()
    (folder / "docs" / "b.md").write_text("other")
    assert before.items() ^ load_recipe(str(folder)).digests().items() == {
        ("knowledge", before["knowledge"]),
        ("knowledge", load_recipe(str(folder)).digests()["knowledge"]),
    }


@pytest.mark.parametrize(
    ("knowledge", "complaint"),
    [
        ("[]", "knowledge: expected a list of length >= 1"),
        ("7", "knowledge: expected text or a list, got a whole number"),
        ('["docs", 7]', "knowledge[1]: expected text, got a whole number"),
    ],
)
def test_a_list_that_is_none_is_told(fill: Fill, knowledge: str, complaint: str) -> None:
    folder = fill(recipe_toml=RECIPE % knowledge, user_md="{knowledge} {topic}", docs__a_md="a")
    recipe, problems = read_recipe(str(folder))
    assert recipe is None
    assert [str(each).partition(": ")[2] for each in problems] == [complaint]


def test_links_to_folders_are_followed_once_and_in_no_circle(fill: Fill) -> None:
    folder = fill(docs__b__one_md="One.", docs__a_md="A.", more__two_md="Two.", more__deep__x_md="X.")
    for link, target in {
        "docs/again": "b",
        "docs/linked": "../more",
        "docs/up": "..",
        "more/home": "../docs",
        "more/self": ".",
        "more/twice": "deep",
        "docs/.hidden": "../more",
        "docs/nowhere": "gone",
    }.items():
        (folder / link).symlink_to(target)
    knowledge, problems = read(folder, "docs")
    assert [each.source for each in knowledge.documents] == [
        "docs/a.md",
        "docs/b/one.md",
        "docs/linked/deep/x.md",
        "docs/linked/two.md",
    ]
    left_out = "linked/home, nowhere, up"
    assert problems == [f"{folder / 'docs'}: left out, because not named as texts are: {left_out}"]
