import re
from collections.abc import Callable
from pathlib import Path

import pytest
from quick import each_row

from asyncgen.recipe.load import load_recipe, read_recipe
from asyncgen.recipe.recipe import Dimension, Group

RECIPE = """\
name = "shop"
knowledge = "facts.md"
language = ["de", "en"]
[request]
model = "some/model"
[prompt]
user = "user.md"
[[dimension]]
name = "topic"
[dimension.groups]
bikes = ["bells", {value = "tyres", weight = 2}]
shop = ["hours"]
[[dimension]]
name = "opener"
pick = 1
[dimension.groups]
german = ["Moin", {value = "Tach", only_with = {topic = ["shop", "bells"]}}]
english = ["hi"]
[dimension.only_with]
german = {language = "de"}
english = {language = "en"}
"""
TOPIC = '[[dimension]]\nname = "topic"'
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(*edits: tuple[str, str], user: str = "{knowledge} {topic} {opener} {language}") -> Path:
        toml = RECIPE
        for before, after in edits:
            assert before in toml
            toml = toml.replace(before, after, 1)
        for name, text in {"recipe.toml": toml, "facts.md": "Facts.", "user.md": user}.items():
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def complaints(folder: Path) -> list[str]:
    recipe, problems = read_recipe(str(folder))
    assert (recipe is None) == any(not each.is_warning for each in problems)
    return [re.sub(r"^.*recipe\.toml", "", str(each)) for each in problems]


def test_bindings_are_read_for_groups_and_for_values(write: Write) -> None:
    recipe = load_recipe(str(write()))
    assert recipe.language == ("de", "en")
    assert recipe.dimensions[1] == Dimension(
        "opener",
        (
            Group(
                "german",
                ("Moin", "Tach"),
                only_with=((None, (("language", ("de",)),)), (1, (("topic", ("shop", "bells")),))),
            ),
            Group("english", ("hi",), only_with=((None, (("language", ("en",)),)),)),
        ),
        grouped=True,
        pick=1,
    )


@pytest.mark.parametrize(("second", "warned"), [("en", []), ("ja", ["Japanese"]), ("uk", ["Ukrainian"])])
def test_a_language_of_other_letters_beside_ascii_is_warned_of(write: Write, second: str, warned: list[str]) -> None:
    languages = f'"{second}"]\nrules = {{charset = "ascii"}}'
    opener = ('english = {language = "en"}', f'english = {{language = "{second}"}}')
    said = load_recipe(str(write(('"en"]', languages), opener))).warnings
    assert [each.partition("charset: ")[2].split()[0] for each in said] == warned


def test_several_languages_are_a_dimension_that_need_not_be_written(write: Write) -> None:
    assert load_recipe(str(write())).dimensions[2] == Dimension("language", (Group("", ("de", "en")),))


def test_a_dimension_of_the_languages_may_be_written(write: Write) -> None:
    written = (
        '[[dimension]]\nname = "language"\nvalues = [{value = "en", weight = 3}, "de"]\n[[dimension]]\nname = "topic"'
    )
    dimensions = load_recipe(str(write((TOPIC, written)))).dimensions
    assert [each.name for each in dimensions] == ["language", "topic", "opener"]
    assert dimensions[0].groups == (Group("", ("en", "de"), (3.0, 1.0)),)


def test_one_language_is_no_dimension(write: Write) -> None:
    folder = write(
        ('["de", "en"]', '"de"'),
        ('[dimension.only_with]\ngerman = {language = "de"}\nenglish = {language = "en"}\n', ""),
        user="{knowledge} {topic} {opener}",
    )
    recipe = load_recipe(str(folder))
    assert (recipe.language, len(recipe.dimensions)) == (("de",), 2)


def test_a_declared_language_that_no_prompt_names_is_told(write: Write) -> None:
    assert complaints(write(user="{knowledge} {topic} {opener}")) == [
        ":3: language: no prompt uses {language}, expected it in prompt.system or prompt.user"
    ]


@each_row(
    ("before", "after", "complaint"),
    [
        ('"en"]', '"german"]', ":3: language[1]: ... got 'german'; did you mean de?"),
        ('"en"]', '"EN"]', ":3: language[1]: ... got 'EN'; did you mean en?"),
        ('"en"]', '"en-GB"]', ":3: language[1]: ... got 'en-GB'; did you mean en?"),
        ('["de", "en"]', '"de,en"', ':3: language: expected one code, or a list of several: ["de", "en"]'),
        ('"en"]', '"xx"]', ":3: language[1]: ... got 'xx'"),
        ('"en"]', '"en", "de"]', ":3: language[2]: 'de' is there twice"),
        ('["de", "en"]', "7", ":3: language: expected text or a list, got a whole number"),
        ('["de", "en"]', "[]", ":3: language: expected a list of length >= 1"),
        (
            "german = {language",
            "germn = {language",
            ":20: dimension[1].only_with.germn: expected one of the groups german, english; did you mean german?",
        ),
        (
            '{language = "de"}',
            '{langauge = "de"}',
            ":20: dimension[1].only_with.german.langauge: ... topic, language; did you mean language?",
        ),
        (
            '{language = "de"}',
            '{opener = "hi"}',
            ":20: dimension[1].only_with.german.opener: expected another dimension, one of topic, language",
        ),
        (
            '{language = "de"}',
            '{language = "ger"}',
            ":20: dimension[1].only_with.german.language: ... of dimension language (de, en), got 'ger'",
        ),
        (
            '["shop", "bells"]',
            '["shops"]',
            ":17: dimension[1].groups.german[1].only_with.topic: ... hours), got 'shops'; did you mean shop?",
        ),
        (
            '{topic = ["shop", "bells"]}',
            "{}",
            ":17: dimension[1].groups.german[1].only_with: expected a table of length >= 1",
        ),
        (
            '{topic = ["shop", "bells"]}',
            "{topic = []}",
            ":17: dimension[1].groups.german[1].only_with.topic: expected a list of length >= 1",
        ),
        (
            '{topic = ["shop", "bells"]}',
            "{topic = 7}",
            ":17: dimension[1].groups.german[1].only_with.topic: expected text or a list, got a whole number",
        ),
        (
            '{language = "en"}',
            '{language = "de"}',
            ":13: dimension[1]: no value may be drawn beside topic 'bells' and language 'en'",
        ),
        (
            '{topic = ["shop", "bells"]}',
            '{language = "en"}',
            ":13: dimension[1]: 'Tach' can never be drawn: nothing fulfils its only_with",
        ),
        (
            '"hours"',
            '{value = "hours", only_with = {opener = "hi"}}',
            ":12: dimension[0].groups.shop[0].only_with.opener: ... opener gives several (pick)",
        ),
    ],
)
def test_a_wrong_binding_or_language_is_one_sentence_with_its_place(
    write: Write, before: str, after: str, complaint: str
) -> None:
    begins, _, ends = complaint.partition("...")
    said = complaints(write((before, after)))[0]
    assert said.startswith(begins)
    assert said.endswith(ends)
    assert ends or said == complaint


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("language = [", "langauge = ["),
        ("dimension.groups", "dimension.group"),
        ("dimension.only_with", "dimension.only_wth"),
        ("pick = 1", "pik = 1"),
        ("weight = 2", "wieght = 2"),
    ],
)
def test_a_key_that_is_nearly_right_is_one_mistake_and_no_more(write: Write, before: str, after: str) -> None:
    (said,) = complaints(write((before, after)))
    assert said.endswith(f"; did you mean {before.partition('.')[2] or before.partition(' ')[0]}?")


def test_bindings_in_a_circle_are_told(write: Write) -> None:
    folder = write(("pick = 1\n", ""), ('"hours"', '{value = "hours", only_with = {opener = "hi"}}'))
    assert ": dimension: dimensions are bound to each other in a circle" in complaints(folder)[0]


def test_values_are_bound_one_by_one_where_there_are_no_groups(write: Write) -> None:
    flat = '[[dimension]]\nname = "mood"\nvalues = ["calm"]\nonly_with = {calm = {language = "de"}}\n' + TOPIC
    folder = write((TOPIC, flat), user="{knowledge} {topic} {opener} {language} {mood}")
    assert complaints(folder) == [
        ':11: dimension[0].only_with.calm: expected groups to bind; a value is {value = "...", only_with = {...}}'
    ]


def test_dimensions_that_are_not_the_languages_are_told(write: Write) -> None:
    written = '[[dimension]]\nname = "language"\nvalues = ["German", "en"]\n' + TOPIC
    said = complaints(write((TOPIC, written)))[0]
    assert said.startswith(":8: dimension[0]: expected the values de, en of the recipe's languages, one for each conv")
    assert said.endswith(", got German, en")


def test_a_changed_binding_is_a_changed_dimension_and_an_unbound_one_is_what_it_was(write: Write) -> None:
    before = load_recipe(str(write())).digests()
    after = load_recipe(str(write(('["shop", "bells"]', '["shop"]')))).digests()
    assert {part for part in before if before[part] != after[part]} == {"dimension opener"}
