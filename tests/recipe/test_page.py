import re
from pathlib import Path

import asyncgen
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.scenario import Scenarios

PAGE = (Path(asyncgen.__file__).parent / "pages" / "recipes.md").read_text(encoding="utf-8")
WHOLE, *ADDITIONS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
FILES = {
    "otters.md": "# Otters\n\nOtters eat shells.\n",
    "system.md": "{knowledge}",
    "otto.md": "You are Otto.",
    "personas.jsonl": '{"id": 1, "persona": "a tourist"}\n{"id": 2, "persona": "a diver"}\n',
    "calm.txt": "quiet\n",
}


def load(folder: Path, toml: str, user: str) -> Recipe:
    for name, text in {**FILES, "recipe.toml": toml, "user.md": user}.items():
        (folder / name).write_text(text)
    return load_recipe(str(folder))


def test_the_recipe_that_the_page_shows_can_be_used(tmp_path: Path) -> None:
    recipe = load(tmp_path, WHOLE, "{topic} {persona} {openers}")
    assert recipe.warnings == ()
    assert len(Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None).draw(0)) == 3


def test_what_the_page_adds_to_a_recipe_can_be_used(tmp_path: Path) -> None:
    languages = next(each for each in ADDITIONS if each.startswith("language"))
    files = next(each for each in ADDITIONS if "passages" in each)
    top, _, dimensions = languages.partition("\n\n")
    begin, _, rest = WHOLE.partition("[[dimension]]")
    rules = rest[rest.index("[rules]") :]
    recipe = load(
        tmp_path, f"{top}\n{begin}{files}\n{dimensions}\n{rules}", "{persona} {mood} {passage} {opener} {language}"
    )
    scenarios = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None)
    rows = [scenarios.draw(index) for index in range(40)]
    assert recipe.language == ("de", "en")
    assert all(("Servus" not in row["opener"]) or row["persona"] == "a tourist" for row in rows)
    assert {row["mood"] for row in rows} == {"quiet", "glad", "keen"}


def test_the_models_that_the_page_shows_share_the_work(tmp_path: Path) -> None:
    models = next(each for each in ADDITIONS if "models" in each)
    toml = WHOLE.replace('model = "google/gemini-3-flash-preview"\n', "").replace("[prompt]", f"{models}\n[prompt]")
    recipe = load(tmp_path, toml, "{topic} {persona} {openers}")
    assert [each.weight for each in recipe.models] == [3.0, 1.0]
