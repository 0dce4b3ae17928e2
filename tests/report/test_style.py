"""The style sheet: nothing in it is dead, and what it colours can be read in light and dark."""

import re
from importlib.resources import files

import pytest
from quick import each_row

FILES = {
    each.name: each.read_text() for each in files("asyncgen.report").joinpath("page").iterdir() if "." in each.name
}
SHEET = re.sub(r"/\*.*?\*/", "", FILES.pop("style.css"), flags=re.DOTALL)
SELECTORS = " ".join(re.findall(r"([^{};@]+)\{", re.sub(r"@[^{]+|\[.*?\]", "", SHEET)))
PAGES = " ".join(source for name, source in FILES.items() if name.endswith(".html"))
SCRIPTS = " ".join(source for name, source in FILES.items() if name.endswith(".js"))
USED = set(re.findall(r"[\w-]+", PAGES + " ".join(re.findall(r"[\"`](.*?)[\"`]", SCRIPTS))))
COMPOSED = {  # classes whose second half is data
    *(f"heat-{step}" for step in range(7)),
    *(f"is-{tone}" for tone in ("error", "warning", "note", "good", "user", "other")),
}


def test_every_selector_names_something_that_a_page_has() -> None:
    named = re.findall(r"(?:[.#]|(?<![\w:.#-]))([a-z][\w-]*)", SELECTORS)
    assert set(named) - USED - COMPOSED == set()
    assert len(named) > 100


def test_every_property_of_its_own_is_set_and_used() -> None:
    assert set(re.findall(r"(--[\w-]+):", SHEET)) == set(re.findall(r"var\((--[\w-]+)", SHEET))


def colours(scheme: int) -> dict[str, str]:
    """By the name of the property; that of a heat by the heat's name and the property's."""
    pattern = r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)"
    root, heats = re.split(r"(?=\.heat-0)", SHEET, maxsplit=1)
    found = {name: pair[scheme] for name, *pair in re.findall(pattern, root)}
    for heat, body in re.findall(r"\.(heat-\d) \{(.*?)\}", heats):
        found |= {f"{heat} {name}": pair[scheme] for name, *pair in re.findall(pattern, body)}
    return found


LIGHT, DARK = colours(0), colours(1)
READ_TOGETHER = [
    *((ink, ground) for ink in ("ink", "muted", "accent") for ground in ("paper", "surface", "sunken")),
    *((tone, f"{tone}-soft") for tone in ("error", "warning", "note", "good")),
    *((tone, "surface") for tone in ("error", "warning", "note")),
    *((f"heat-{step} tone", f"heat-{step} ground") for step in range(7)),
    *(("ink", f"{ground}-soft") for ground in ("accent", "warning", "good", "note")),
    *(("error", ground) for ground in ("sunken", "accent-soft")),
    *(("on-accent", "accent"), ("on-mark", "mark")),
]


@each_row("colours", [LIGHT, DARK])
@each_row(("ink", "ground"), READ_TOGETHER)
def test_text_stands_out_from_its_ground(colours: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(colours[ink], colours[ground]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("line", "ground"), [("edge", "surface"), ("accent", "sunken"), ("accent", "paper")])
def test_edges_of_controls_and_bars_can_be_seen(colours: dict[str, str], line: str, ground: str) -> None:
    assert contrast(colours[line], colours[ground]) >= 3


def contrast(first: str, second: str) -> float:
    """As WCAG 2 defines it."""
    darker, lighter = sorted((luminance(first), luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in channels]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
