import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from quick import each_row

from asyncgen.errors import ConfigError
from asyncgen.recipe.load import load_recipe, read_recipe
from asyncgen.recipe.prompt import PayloadEncoder, build_messages
from asyncgen.recipe.recipe import AuditOptions, Dimension, Group, Model, Recipe, RequestHeader, Rules
from asyncgen.recipe.scenario import Scenarios

SMALLEST = """\
name = "bread"
knowledge = "baking.md"

[request]
model = "some/model"

[prompt]
user = "user.md"

[[dimension]]
name = "topic"
values = ["rye", "wheat"]
"""

WHOLE = """\
name = "bread"
description = "a baker's helper"
knowledge = "baking.md"
sampling = "random"

[request]
model = "some/model"
temperature = 0.7
provider = {order = ["a", "b"], allow_fallbacks = false}

[headers]
X-Title = "bread"
X-Gateway-Key = {env = "GATEWAY_KEY"}

[prompt]
system = "system.md"
user = "user.md"

[[dimension]]
name = "topic"
[dimension.groups]
flour = ["rye", "wheat"]
tools = ["ovens", {value = "tins", weight = 3}]

[[dimension]]
name = "opener"
pick = 2
[dimension.groups]
short = ["hi", "yo"]
long = ["good morning to you", "what a day"]

[rules]
min_messages = 4
charset = "ascii"
ends_with = "any"

[audit]
off = ["markdown"]
[audit.phrases]
prompt-leak = ["my notes say", "as briefed"]
"""

FILES = {
    "baking.md": "Bread is baked.",
    "system.md": "Facts:\n{knowledge}",
    "user.md": "{topic} {opener}",
    "briefer.md": "{knowledge}",
}

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a recipe folder: the text of recipe.toml, and its files where they differ from FILES."""

    def write(toml: str, **changed: str) -> Path:
        files = {**FILES, **{f"{name}.md": text for name, text in changed.items()}, "recipe.toml": toml}
        for name, text in files.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


@pytest.fixture
def smallest(write: Write) -> Path:
    return write(SMALLEST, user="{topic} {knowledge}")


def explain(folder: Path) -> str:
    """What loading the recipe complains about, without the place before it."""
    with pytest.raises(ConfigError) as caught:
        load_recipe(str(folder))
    place, _, complaint = str(caught.value).partition(": ")
    assert re.sub(r":\d+$", "", place) in {str(folder / name) for name in ("recipe.toml", "system.md", "user.md")}
    return re.sub(r" \(and \d+ more: .*", "", complaint)


def test_every_part_of_a_recipe_is_read(write: Write) -> None:
    folder = write(WHOLE)
    assert load_recipe(str(folder)) == Recipe(
        name="bread",
        description="a baker's helper",
        source=str(folder / "recipe.toml"),
        sampling="random",
        knowledge="Bread is baked.",
        system="Facts:\n{knowledge}",
        user="{topic} {opener}",
        request={
            "model": "some/model",
            "temperature": 0.7,
            "provider": {"order": ["a", "b"], "allow_fallbacks": False},
        },
        headers=(RequestHeader("X-Title", value="bread"), RequestHeader("X-Gateway-Key", variable="GATEWAY_KEY")),
        dimensions=(
            Dimension(
                "topic",
                (Group("flour", ("rye", "wheat")), Group("tools", ("ovens", "tins"), (1.0, 3.0))),
                grouped=True,
            ),
            Dimension(
                "opener",
                (Group("short", ("hi", "yo")), Group("long", ("good morning to you", "what a day"))),
                grouped=True,
                pick=2,
            ),
        ),
        rules=Rules(min_messages=4, charset="ascii", ends_with="any"),
        audit=AuditOptions(off=("markdown",), phrases={"prompt-leak": ("my notes say", "as briefed")}),
    )


def test_what_is_not_given_has_a_default(smallest: Path) -> None:
    recipe = load_recipe(str(smallest))
    assert (recipe.description, recipe.sampling, recipe.system, recipe.headers) == ("", "balanced", None, ())
    assert recipe.rules == Rules(min_messages=2, charset="any", ends_with="assistant")
    assert recipe.audit == AuditOptions(off=(), phrases={})
    assert recipe.dimensions == (Dimension("topic", (Group("", ("rye", "wheat")),)),)


def test_a_folder_and_the_path_of_its_file_are_the_same_recipe(smallest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_folder = load_recipe(str(smallest))
    assert load_recipe(str(smallest / "recipe.toml")) == by_folder
    monkeypatch.chdir(smallest)
    assert load_recipe(".") == load_recipe("recipe.toml") == by_folder


def test_a_file_of_another_name_can_be_the_recipe(smallest: Path) -> None:
    (smallest / "recipe.toml").rename(smallest / "rye.toml")
    assert load_recipe(str(smallest / "rye.toml")).name == "bread"


def test_another_knowledge_base_replaces_the_one_of_the_recipe(smallest: Path, tmp_path: Path) -> None:
    (smallest / "baking.md").unlink()
    (tmp_path / "cakes.md").write_text("Cakes are sweet.")
    assert load_recipe(str(smallest), knowledge=tmp_path / "cakes.md").knowledge == "Cakes are sweet."


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("\n \n\t\nfirst\n\n  last\n\n\n", "first\n\n  last"),
        ("\n  indented\n", "  indented"),
        ("text with two blanks at its end  \n", "text with two blanks at its end  "),
        ("\r\none\r\ntwo\r\n\r\n", "one\ntwo"),
        ("\ufeff\nbyte order mark", "byte order mark"),
        ("no newline", "no newline"),
    ],
)
def test_blank_lines_around_a_text_are_dropped(smallest: Path, written: str, read: str) -> None:
    for name, text in (("baking.md", written), ("user.md", written + "{topic} {knowledge}")):
        (smallest / name).write_bytes(text.encode())
    assert load_recipe(str(smallest)).knowledge == read
    (smallest / "user.md").write_bytes(f"\n\n{{topic}}\n{{knowledge}}\n{written}".encode())
    assert load_recipe(str(smallest)).user.startswith("{topic}\n")


def test_a_brace_that_is_no_placeholder_is_text(write: Write) -> None:
    user = '{topic} {knowledge} {"json": 1} {} {0} {two words} {{'
    assert load_recipe(str(write(SMALLEST, user=user))).user == user


@each_row(
    ("before", "after", "complaint"),
    [
        # Keys that are unknown or missing.
        (
            "name =",
            'sampler = "random"\nname =',
            "sampler: unknown key, expected one of name, knowledge, prompt, dimension, request, models",
        ),
        (
            "[rules]",
            "[rules]\nmax_messages = 3",
            "rules.max_messages: unknown key, expected one of min_messages, charset, ends_with",
        ),
        (
            'user = "user.md"',
            'user = "user.md"\nassistant = "a.md"',
            "prompt.assistant: unknown key, expected one of user, system",
        ),
        (
            "pick = 2",
            "picks = 2",
            "dimension[1].picks: unknown key, expected one of name, groups, values, from, field, passages, statements",
        ),
        (
            "weight = 3",
            "wieght = 3",
            "dimension[0].groups.tools[1].wieght: unknown key, expected one of value, weight",
        ),
        (
            '{env = "GATEWAY_KEY"}',
            '{environment = "GATEWAY_KEY"}',
            "headers.X-Gateway-Key.environment: unknown key, expected one of env",
        ),
        ('value = "tins", ', "", "dimension[0].groups.tools[1].value: missing, but required"),
        ('name = "bread"', "", "name: missing, but required"),
        ('knowledge = "baking.md"', "", "knowledge: missing, but required"),
        ('user = "user.md"', "", "prompt.user: missing, but required"),
        ('name = "opener"', "", "dimension[1].name: missing, but required"),
        ('model = "some/model"', "", "request.model: expected the model's name"),
        # Values of the wrong type, out of range or empty.
        ('name = "bread"', "name = 7", "name: expected text, got a whole number"),
        ('name = "bread"', 'name = "bread"\nrepair.judge = "yes"', "repair.judge: expected true or false, got text"),
        (
            'name = "bread"',
            'name = "rye/bread"',
            "name: expected up to 80 letters from a to z, digits, dots, dashes",
        ),
        ('name = "bread"', 'name = ""', "name: expected up to 80 letters from a to z, digits, dots, dashes"),
        (
            'sampling = "random"',
            'sampling = "fair"',
            "sampling: expected 'balanced' or 'random', got 'fair'",
        ),
        ('charset = "ascii"', 'charset = "latin"', "rules.charset: expected 'ascii' or 'any', got 'latin'"),
        (
            'ends_with = "any"',
            'ends_with = "user"',
            "rules.ends_with: expected 'assistant' or 'any', got 'user'",
        ),
        ("min_messages = 4", "min_messages = 0", "rules.min_messages: expected a whole number >= 1"),
        (
            "min_messages = 4",
            'min_messages = "4"',
            "rules.min_messages: expected a whole number, got text",
        ),
        ('model = "some/model"', 'model = ""', "request.model: expected the model's name"),
        ('model = "some/model"', "model = 1", "request.model: expected the model's name"),
        ("pick = 2", "pick = 0", "dimension[1].pick: expected a whole number >= 1"),
        ("pick = 2", "pick = 2.5", "dimension[1].pick: expected a whole number, got a number"),
        ('["rye", "wheat"]', "[]", "dimension[0].groups.flour: expected a list of length >= 1"),
        ('["rye", "wheat"]', '"rye"', "dimension[0].groups.flour: expected a table or a list, got text"),
        (
            '["rye", "wheat"]',
            '["rye", 7]',
            "dimension[0].groups.flour[1]: expected text or a table, got a whole number",
        ),
        (
            '["rye", "wheat"]',
            '["rye", " "]',
            "dimension[0].groups.flour[1]: expected text, got a blank value",
        ),
        (
            '["rye", "wheat"]',
            '["rye", "rye"]',
            "dimension[0].groups.flour[1]: 'rye' is there twice, expected a weight instead",
        ),
        ("weight = 3", "weight = 0", "dimension[0].groups.tools[1].weight: expected a number > 0.0"),
        ("weight = 3", "weight = -1.5", "dimension[0].groups.tools[1].weight: expected a number > 0.0"),
        ("weight = 3", "weight = nan", "dimension[0].groups.tools[1].weight: expected a number > 0.0"),
        ("weight = 3", 'weight = "3"', "dimension[0].groups.tools[1].weight: expected a number, got text"),
        ("weight = 3", "weight = inf", "dimension[0].groups.tools: expected weights with a finite sum"),
        ('{env = "GATEWAY_KEY"}', "7", "headers.X-Gateway-Key: expected text or a table, got a whole number"),
        ('{env = "GATEWAY_KEY"}', '{env = ""}', "headers.X-Gateway-Key.env: expected text of length >= 1"),
        ('X-Title = "bread"', r'X-Title = "a\r\nb"', "headers.X-Title: expected one printable line"),
        ("X-Title =", '"X Title" =', "headers: expected a header's name, got 'X Title'"),
        ('["markdown"]', '"markdown"', "audit.off: expected a list, got text"),
        ('["markdown"]', "[7]", "audit.off[0]: expected text, got a whole number"),
        ("off =", "on =", "audit.on: unknown key, expected one of off, phrases"),
        ('"as briefed"', "7", "audit.phrases.prompt-leak[1]: expected text, got a whole number"),
        ('"as briefed"', '" "', "audit.phrases.prompt-leak[1]: expected text, got a blank phrase"),
        # Settings that cannot be sent, or are not the recipe's to choose.
        ("temperature = 0.7", "messages = []", "request.messages: asyncgen sets this one itself, remove it"),
        ("temperature = 0.7", "stream = true", "request.stream: asyncgen sets this one itself, remove it"),
        ("temperature = 0.7", "temperature = nan", "request.temperature: only JSON values can be sent"),
        ("temperature = 0.7", "until = 2026-01-01", "request.until: only JSON values can be sent"),
        # Dimensions that do not fit together, or do not fit the prompts.
        ('name = "opener"', 'name = "first opener"', "dimension[1].name: expected letters from a to z, digits and _"),
        ('name = "opener"', 'name = "knowledge"', "dimension[1].name: expected another name, {knowledge}"),
        (
            'name = "opener"',
            'name = "topic"',
            "dimension[1].name: expected a new name, 'topic' is there twice",
        ),
        (
            "pick = 2",
            'pick = 2\nvalues = ["hi"]',
            "dimension[1]: expected one of groups, values, from, passages, statements in dimension 'opener', got",
        ),
        (
            'name = "opener"',
            'name = "style"',
            "unknown placeholder {opener}, expected one of {knowledge}, {style}, {topic}",
        ),
        (
            "[rules]",
            '[[dimension]]\nname = "mood"\nvalues = ["calm"]\n[rules]',
            "dimension[2]: no prompt uses {mood}, expected it in prompt.system or prompt.user",
        ),
        (
            'system = "system.md"',
            "",
            "knowledge: no prompt uses {knowledge}, so it would never be sent; expected it in",
        ),
    ],
)
def test_a_mistake_is_one_sentence_with_key_and_expectation(
    write: Write, before: str, after: str, complaint: str
) -> None:
    assert before in WHOLE
    said = explain(write(WHOLE.replace(before, after, 1)))
    assert said.startswith(complaint)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        (
            'values = ["rye", "wheat"]',
            "",
            "dimension[0]: expected one of groups, values, from, passages, statements in",
        ),
        ('values = ["rye", "wheat"]', "groups = {}", "dimension[0].groups: expected a table of length >= 1"),
        ('values = ["rye", "wheat"]', "values = []", "dimension[0].values: expected a list of length >= 1"),
        ("values =", "pick = 1\nvalues =", "dimension[0].pick: expected groups to pick from, got values"),
        ("[[dimension]]", "[dimension]", "dimension: expected a list, got a table"),
    ],
)
def test_a_flat_dimension_is_checked_like_a_grouped_one(write: Write, before: str, after: str, complaint: str) -> None:
    assert before in SMALLEST
    assert explain(write(SMALLEST.replace(before, after), user="{topic}")).startswith(complaint)


def test_a_recipe_without_dimensions_is_refused(write: Write) -> None:
    without = SMALLEST.partition("[[dimension]]")[0]
    assert explain(write(without)) == "dimension: missing, but required"
    assert explain(write("dimension = []\n" + without)) == "dimension: expected a list of length >= 1"


def test_every_unknown_placeholder_is_named_once_with_its_prompt_and_line(write: Write) -> None:
    folder = write(WHOLE, system="{knowlege}\nand {Topic} or {topic}\n{knowlege}")
    recipe, problems = read_recipe(str(folder))
    expected = "expected one of {knowledge}, {opener}, {topic}"
    assert recipe is None
    assert [str(each) for each in problems.found[:2]] == [
        f"{folder / 'system.md'}:1: unknown placeholder {{knowlege}}, {expected}; did you mean {{knowledge}}?",
        f"{folder / 'system.md'}:2: unknown placeholder {{Topic}}, {expected}; did you mean {{topic}}?",
    ]


@pytest.mark.parametrize(
    ("toml", "where"),
    [
        ('name = "bread"\nknowledge = \n', "line 2"),
        ('name = "bread"\n\n[request\n', "line 3"),
        ('name = "bread"\nname = "rye"\n', "line 2"),
    ],
)
def test_an_error_of_toml_carries_its_line(write: Write, toml: str, where: str) -> None:
    said = explain(write(toml))
    assert said.startswith("not valid TOML: ")
    assert where in said


@pytest.mark.parametrize("endless", ["9" * 5000, "[" * 20_000])
def test_toml_that_python_cannot_hold_is_a_mistake_too(write: Write, endless: str) -> None:
    assert explain(write(f"name = {endless}")).startswith("not valid TOML: ")


def test_bytes_that_are_not_utf8_are_named_with_file_and_place(smallest: Path) -> None:
    (smallest / "baking.md").write_bytes(b"caf\xe9")
    with pytest.raises(ConfigError) as caught:
        load_recipe(str(smallest))
    assert str(caught.value) == f"{smallest / 'baking.md'}: the knowledge base is not UTF-8 (byte 3): save it as UTF-8"
    (smallest / "recipe.toml").write_bytes(b"# \xff")
    assert explain(smallest) == "the recipe is not UTF-8 (byte 2): save it as UTF-8"


@pytest.mark.parametrize(
    ("file", "what"),
    [("baking.md", "the knowledge base"), ("system.md", "prompt.system"), ("user.md", "prompt.user")],
)
def test_a_file_that_is_missing_or_empty_is_named(write: Write, file: str, what: str) -> None:
    folder = write(WHOLE)
    (folder / file).write_text(" \n\n")
    with pytest.raises(ConfigError, match=re.escape(f"{folder / file}: {what} is empty")):
        load_recipe(str(folder))
    (folder / file).unlink()
    message = f"{folder / file}: {what} cannot be read: No such file or directory"
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_recipe(str(folder))


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/dev/tty", "none"])
def test_what_may_have_no_end_is_not_read(smallest: Path, path: str) -> None:
    with pytest.raises(ConfigError, match=r"the knowledge base (is no ordinary file|cannot be read)"):
        load_recipe(str(smallest), knowledge=Path(path))


def test_a_knowledge_base_may_come_through_a_pipe(smallest: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"Bread from a pipe.\r\n")
    os.close(write)
    assert load_recipe(str(smallest), knowledge=Path(f"/dev/fd/{read}")).knowledge == "Bread from a pipe."
    os.close(read)


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(smallest: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="the knowledge base is empty"):
        load_recipe(str(smallest), knowledge=tmp_path / "pipe")


@pytest.mark.parametrize("file", ["baking.md", "recipe.toml", "user.md"])
def test_a_file_larger_than_any_prompt_is_refused_by_its_size(smallest: Path, file: str) -> None:
    with (smallest / file).open("r+b") as opened:
        opened.truncate(10**11)
    with pytest.raises(ConfigError, match=re.escape(f"{smallest / file}: ") + ".* is larger than 16,777,216 bytes"):
        load_recipe(str(smallest))


@pytest.mark.parametrize("key", ["baking.md", "user.md"])
def test_a_nul_in_a_path_is_a_mistake_of_the_recipe(write: Write, key: str) -> None:
    folder = write(SMALLEST.replace(key, f"{key}\\u0000"), user="{topic} {knowledge}")
    with pytest.raises(ConfigError, match="cannot be read: no path holds a NUL"):
        load_recipe(str(folder))


def test_a_path_that_no_journal_could_name_is_refused(smallest: Path) -> None:
    odd = smallest.rename(smallest.with_name(os.fsdecode(b"x\xff")))
    with pytest.raises(ConfigError, match="the recipe's path is not UTF-8"):
        load_recipe(str(odd))


def test_a_knowledge_base_that_replaces_and_is_missing_is_named(smallest: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / 'none.md'}: the knowledge base cannot be")):
        load_recipe(str(smallest), knowledge=tmp_path / "none.md")


@pytest.mark.parametrize("source", ["nanochta", "", "x" * 5000])
def test_a_recipe_that_is_not_there_is_told_what_can_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no recipe at .*built-in name \(nanochat, .*\)|the recipe cannot be read"):
        load_recipe(source)


def test_a_headers_value_does_not_show_in_its_repr(write: Write) -> None:
    folder = write(WHOLE.replace('X-Title = "bread"', 'X-Key = "hidden-value"'))
    assert "hidden-value" not in repr(load_recipe(str(folder)))


def changes(before: Recipe, after: Recipe) -> set[str]:
    """The parts whose digests differ, were added or were dropped."""
    return {part for part, _ in before.digests().items() ^ after.digests().items()}


@pytest.mark.parametrize(
    ("system", "own", "given", "subject"),
    [
        ("You speak for the bakery Crumb and Co. {knowledge}", "Crumb bakes. Crumb sells.", "Fish swim.", "Crumb"),
        ("You speak for the bakery Crumb and Co. {knowledge}", "Crumb bakes. Crumb sells.", "On CRUMB again.", None),
        ("Write about bread. {knowledge}", "On bread.", "Fish swim.", "bread"),  # the recipe's name
        ("Write JSON and ONLY facts. {knowledge}", "Only bread, only.", "Fish swim.", None),
        ("Write. {knowledge}", "Bread is baked.", "Fish swim.", None),
    ],
)
def test_a_given_knowledge_base_may_lack_what_the_prompts_are_about(
    write: Write, system: str, own: str, given: str, subject: str | None
) -> None:
    folder = write(WHOLE, system=system, baking=own, given=given)
    warnings = load_recipe(str(folder), knowledge=folder / "given.md").warnings
    assert [re.findall("never mentions '(.*?)'", each)[0] for each in warnings] == ([subject] if subject else [])


def test_without_documents_of_its_own_a_recipe_is_about_its_name(write: Write) -> None:
    folder = write(WHOLE, system="Write about bread for Crumb. {knowledge}", given="Fish swim.")
    (folder / "baking.md").unlink()
    (warning,) = load_recipe(str(folder), knowledge=folder / "given.md").warnings
    assert warning.startswith(
        f"--knowledge {folder / 'given.md'}: never mentions 'bread', and recipe bread is about it"
    )


def test_digests_are_the_same_for_the_same_recipe(write: Write) -> None:
    assert changes(load_recipe(str(write(WHOLE))), load_recipe(str(write(WHOLE)))) == set()


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ('"rye"', '"oat"', {"dimension topic"}),
        ("weight = 3", "weight = 4", {"dimension topic"}),
        ("flour =", "grain =", {"dimension topic"}),
        ("pick = 2", "pick = 1", {"dimension opener"}),
        ("min_messages = 4", "min_messages = 3", {"rules"}),
        ('"system.md"', '"briefer.md"', {"prompts"}),
        ('"baking.md"', '"system.md"', {"knowledge"}),
        ("a baker's helper", "a baker's friend", set()),
        ("[rules]", "# a remark\n[rules]", set()),
        ('["markdown"]', "[]", set()),
        ('"as briefed"', '"as told"', set()),
    ],
)
def test_a_change_shows_in_the_digest_of_its_part_alone(
    write: Write, before: str, after: str, changed: set[str]
) -> None:
    recipe = load_recipe(str(write(WHOLE)))
    assert before in WHOLE
    assert changes(recipe, load_recipe(str(write(WHOLE.replace(before, after, 1))))) == changed


def test_the_order_of_dimensions_is_a_part_of_its_own(write: Write) -> None:
    recipe = load_recipe(str(write(WHOLE)))
    swapped = replace(recipe, dimensions=recipe.dimensions[::-1])
    assert changes(recipe, swapped) == {"order of dimensions"}
    assert changes(recipe, replace(recipe, dimensions=recipe.dimensions[:1])) == {
        "order of dimensions",
        "dimension opener",
    }


def test_knowledge_given_by_path_changes_only_the_knowledge(write: Write, tmp_path: Path) -> None:
    folder = write(WHOLE)
    (tmp_path / "cakes.md").write_text("Cakes are sweet.")
    replaced = load_recipe(str(folder), knowledge=tmp_path / "cakes.md")
    assert changes(load_recipe(str(folder)), replaced) == {"knowledge"}


@pytest.fixture(scope="module")
def nanochat() -> Recipe:
    return load_recipe("nanochat")


def sizes(dimension: Dimension) -> dict[str, int]:
    return {group.name: len(group.values) for group in dimension.groups}


def test_the_built_in_recipe_is_found_by_name(nanochat: Recipe) -> None:
    assert (nanochat.name, nanochat.source, nanochat.sampling) == ("nanochat", "nanochat", "balanced")
    assert nanochat.rules == Rules(min_messages=2, charset="ascii", ends_with="assistant")
    assert nanochat.request == {
        "model": "google/gemini-3-flash-preview",
        "temperature": 1.0,
        "max_tokens": 8192,
    }


def test_the_built_in_recipe_uses_the_one_copy_of_the_knowledge(nanochat: Recipe) -> None:
    text = (Path(__file__).parents[2] / "knowledge" / "self_knowledge.md").read_text(encoding="utf-8")
    told = [line for line in text.strip("\n").split("\n") if "{" not in line]
    assert [line for line in nanochat.knowledge.split("\n") if line in told] == told
    assert "{" not in nanochat.knowledge


def test_the_built_in_dimensions_have_their_sizes(nanochat: Recipe) -> None:
    topic, persona, dynamic, facts, length, intent, turn, examples = nanochat.dimensions
    assert sizes(topic) == {
        "identity": 6,
        "architecture": 10,
        "training": 8,
        "capabilities": 6,
        "limitations": 7,
        "comparisons": 5,
        "history": 5,
        "technical_deep_dive": 6,
        "philosophical": 5,
    }
    assert [sizes(each) for each in (persona, dynamic, length, intent)] == [{"": 12}, {"": 10}, {"": 4}, {"": 8}]
    assert (facts.size, facts.pick) == (291, 3)
    assert sizes(turn) == {
        "nothing_else": 1,
        "false_premise": 30,
        "no_answer": 18,
        "excursion": 10,
        "agreed_answer": 30,
    }
    assert {each.name: sum(each.weights or ()) / 600 for each in turn.groups} == {
        "nothing_else": 0.61,
        "false_premise": 0.15,
        "no_answer": 0.09,
        "excursion": 0.1,
        "agreed_answer": 0.05,
    }
    assert (len(examples.groups), examples.pick) == (8, 3)
    assert all(10 <= size <= 20 for size in sizes(examples).values())
    assert [each.name for each in nanochat.dimensions] == [
        "topic",
        "persona",
        "dynamic",
        "facts",
        "length",
        "intent",
        "turn",
        "first_message_examples",
    ]


def test_no_built_in_value_is_there_twice_or_outside_ascii(nanochat: Recipe) -> None:
    for dimension in nanochat.dimensions:
        values = [value for group in dimension.groups for value in group.values]
        assert len({value.casefold() for value in values}) == len(values)
        assert all(value.isascii() and value == value.strip() for value in values)


def test_every_built_in_dynamic_states_an_even_number_of_messages(nanochat: Recipe) -> None:
    for value in nanochat.dimensions[2].groups[0].values:
        stated = re.findall(r"(\d+)-turn|\((\d+) messages\)", value)
        numbers = {int(turns or messages) for turns, messages in stated}
        assert len(stated) == 2
        assert numbers in ({2}, {4}, {6})


def test_the_built_in_prompts_are_plain_ascii_and_show_the_shape_of_the_answer(nanochat: Recipe) -> None:
    scenario = Scenarios(nanochat.dimensions, sampling=nanochat.sampling, seed=None).draw(0)
    system, user = (message["content"] for message in build_messages(nanochat, scenario))
    assert system.isascii()
    assert user.isascii()
    assert "<knowledge>\n" + nanochat.knowledge + "\n</knowledge>\n" in system
    shape = json.loads(system.splitlines()[-1])
    assert [message["role"] for message in shape["messages"]] == ["user", "assistant"]


def test_the_built_in_scenario_is_read_from_labelled_lines(nanochat: Recipe) -> None:
    scenario = Scenarios(nanochat.dimensions, sampling=nanochat.sampling, seed=7).draw(3)
    lines = build_messages(nanochat, scenario)[-1]["content"].splitlines()
    names = ["topic", "persona", "intent", "dynamic", "length"]
    assert lines[2:8] == [*(f"{name.title()}: {scenario[name]}" for name in names), f"Besides: {scenario['turn']}"]
    assert [line for line in lines if line.startswith("- ")] == [*scenario["facts"].splitlines(), *lines[-3:]]
    assert lines[-3:] == scenario["first_message_examples"].splitlines()


def common_prefix(texts: list[bytes]) -> bytes:
    first, last = min(texts), max(texts)
    length = 0
    while length < len(first) and first[length] == last[length]:
        length += 1
    return first[:length]


def prompt_bytes(recipe: Recipe, scenario: dict[str, str]) -> bytes:
    return "".join(message["content"] for message in build_messages(recipe, scenario)).encode()


def test_at_least_95_percent_of_the_built_in_prompt_come_first_and_never_vary(nanochat: Recipe) -> None:
    scenarios = Scenarios(nanochat.dimensions, sampling=nanochat.sampling, seed=None)
    prompts = [prompt_bytes(nanochat, scenarios.draw(index)) for index in range(2000)]
    assert len(common_prefix(prompts)) / max(map(len, prompts)) >= 0.95


def test_the_longest_built_in_scenario_keeps_the_95_percent_too(nanochat: Recipe) -> None:
    def longest(dimension: Dimension) -> str:
        by_group = sorted((max(group.values, key=len) for group in dimension.groups), key=len, reverse=True)
        return "\n".join(f"- {value}" for value in by_group[: dimension.pick]) if dimension.pick else by_group[0]

    scenario = {each.name: longest(each) for each in nanochat.dimensions}
    prompts = [prompt_bytes(nanochat, scenario), prompt_bytes(nanochat, dict.fromkeys(scenario, ""))]
    assert len(common_prefix(prompts)) / len(prompts[0]) >= 0.95


def test_the_built_in_request_ends_with_all_that_varies(nanochat: Recipe) -> None:
    scenarios = Scenarios(nanochat.dimensions, sampling=nanochat.sampling, seed=None)
    encoder = PayloadEncoder(nanochat, nanochat.request)
    payloads = [b"".join(encoder.encode(scenarios.draw(index))) for index in (0, 1)]
    assert payloads[0] != payloads[1]
    assert len(common_prefix(payloads)) / max(map(len, payloads)) >= 0.95


def test_a_prompt_of_remarks_alone_is_empty(write: Write) -> None:
    assert explain(write(WHOLE, system="<!-- to be written: {knowledge} -->\n")).startswith(
        "prompt.system is empty but"
    )


MODELS = """\
name = "bread"
knowledge = "baking.md"
[request]
top_p = 0.9
[[models]]
model = "a/large"
weight = 3
[[models]]
model = "a/small"
request = {temperature = 1.0}
[prompt]
user = "user.md"
[[dimension]]
name = "topic"
values = ["rye", "wheat"]
"""


def test_several_models_are_a_dimension(write: Write) -> None:
    recipe = load_recipe(str(write(MODELS, user="{topic} {knowledge}")))
    assert recipe.models == (Model("a/large", 3.0, {}), Model("a/small", 1.0, {"temperature": 1.0}))
    assert recipe.request == {"model": "a/large", "top_p": 0.9}
    assert recipe.dimensions[1] == Dimension("model", (Group("", ("a/large", "a/small"), (3.0, 1.0)),))


def test_a_prompt_may_name_the_model_and_values_may_be_bound_to_it(write: Write) -> None:
    bound = MODELS.replace('"wheat"', '{value = "wheat", only_with = {model = "a/small"}}')
    recipe = load_recipe(str(write(bound, user="{topic} {knowledge} {model}")))
    rows = [Scenarios(recipe.dimensions, sampling="balanced", seed=None).draw(index) for index in range(40)]
    assert {row["model"] for row in rows if row["topic"] == "wheat"} == {"a/small"}


@each_row(
    ("before", "after", "complaint"),
    [
        ("top_p = 0.9", 'model = "x"', "request.model: expected no model here, those of [[models]] share the work"),
        ('"a/small"', '"a/large"', "models[1].model: 'a/large' is there twice, expected a weight instead"),
        ('"a/small"', '""', "models[1].model: expected the model's name"),
        ('model = "a/small"\n', "", "models[1].model: missing, but required"),
        ("weight = 3", "weight = 0", "models[0].weight: expected a number > 0.0"),
        ("weight = 3", "wieght = 3", "models[0].wieght: unknown key, expected one of model, weight, request; did you"),
        (
            "temperature = 1.0",
            'service_tier = "flexx"',
            "models[1].request.service_tier: no provider is known to sell tier 'flexx'; did you mean flex?",
        ),
        (
            "temperature = 1.0",
            "service_tier = 5",
            "models[1].request.service_tier: no provider is known to sell tier 5, expected one of auto, default,",
        ),
        ("temperature = 1.0", "temprature = 1.0", "models[1].request.temprature: no endpoint is known to have this"),
        ("temperature = 1.0", "temperature = 3", "models[1].request.temperature: expected a number from 0 to 2, got 3"),
        (
            "temperature = 1.0",
            'model = "x"',
            "models[1].request.model: expected it beside `weight`, in models[1].model",
        ),
        ('name = "topic"', 'name = "model"', "dimension[0]: expected another name, {model} is the model that answers"),
    ],
)
def test_a_mistake_in_the_models_is_one_sentence_with_its_key(
    write: Write, before: str, after: str, complaint: str
) -> None:
    assert before in MODELS
    assert explain(write(MODELS.replace(before, after, 1), user="{topic} {knowledge}")).startswith(complaint)
