"""Whatever is put into a page is text: it is escaped, shows what cannot be seen, and leaves the page as it is."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from html import unescape
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args
from unicodedata import category

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from outputs import failed, rejected
from quick import each_row
from reports import BITES, Page, make_output, plain, talk

from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.results import Audit, GroundingResult, TopicGrounding
from asyncgen.data.dataset import Dataset
from asyncgen.report.blocks import Block
from asyncgen.report.report import render
from asyncgen.report.sample import draw_sample
from asyncgen.report.sections import make_sections
from asyncgen.report.templates import templates
from asyncgen.report.verdict import judge

PAGES = {
    each.name: each.read_text() for each in files("asyncgen.report").joinpath("page").iterdir() if "." in each.name
}
HOSTILE = " ".join([*BITES, "\" onclick='x' ` {{ 7 * 7 }} {% raw %} \x00\x1b[2J\ufeff"])
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@given(st.text() | st.sampled_from([*BITES, HOSTILE]))
def test_text_is_escaped_and_shows_what_cannot_be_seen(value: str) -> None:
    element, attribute = re.findall(
        r'<p title="(.*?)">(.*)</p>$',
        templates.from_string('<p title="{{ value }}">{{ value }}</p>').render(value=value),
        re.DOTALL,
    )[0]
    assert element == attribute
    assert not set("<>\"'") & set(element)
    assert not UNSEEN.search(element)
    assert unescape(element) == "".join(
        f"[U+{ord(each):04X}]"
        if (category(each)[0] == "C" and each not in "\n\t\u200c\u200d") or each in "\u2028\u2029"
        else each
        for each in value
    )


@each_row("value", [None, b"bytes", ["list"], {"a": "mapping"}, Decimal(1)])
def test_what_is_neither_text_nor_a_number_is_a_mistake(value: object) -> None:
    with pytest.raises(TypeError, match="text and numbers"):
        templates.from_string("{{ value }}").render(value=value)


def test_a_name_that_nobody_gave_is_a_mistake() -> None:
    with pytest.raises(UndefinedError, match="value"):
        templates.from_string("{{ value }}").render()


def test_only_style_script_and_sample_go_into_a_page_as_they_are() -> None:
    trusted = [
        found for source in PAGES.values() for found in re.findall(r"\w+ *\| *(?:safe|e|escape|tojson)\b", source)
    ]
    assert sorted(trusted) == ["sample|safe", "script|safe", "style|safe"]
    assert not any("autoescape" in source for source in PAGES.values())


def poison(value: Any, poisoned: str = HOSTILE + "\udcff") -> Any:
    """The same, with all text in it made hostile; times must stay times, severities severities."""
    match value:
        case str():
            return value + poisoned
        case msgspec.Struct():
            kept = {"severity", "time"}
            fields = [name for name in value.__struct_fields__ if name not in kept]
            return msgspec.structs.replace(value, **{name: poison(getattr(value, name), poisoned) for name in fields})
        case Mapping():
            return {poison(name, poisoned): poison(each, poisoned) for name, each in value.items()}
        case list() | tuple():
            return type(value)(poison(each, poisoned) for each in value)
        case _:
            return value


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """With something of all that a report may show."""
    secret = talk("Whose is it?", "Write to jane.doe@bakery-of-jane.com about it.")
    lines = [*map(plain, range(30)), *[talk("Once more?", "Once more, with all of it as before.")] * 9, secret]
    return Dataset.open(
        make_output(tmp_path / "out.jsonl", lines, others=[failed(len(lines)), rejected(len(lines) + 1)])
    )


@pytest.fixture
def audit(dataset: Dataset) -> Audit:
    topic = TopicGrounding(conversations=4, lines=2, checked=5, ungrounded=2, derived=1)
    grounding = GroundingResult(checked=9, ungrounded=2, derived=1, by_topic={"rye": topic, "": topic})
    audit = audit_dataset(dataset)
    return msgspec.structs.replace(audit, grounding=grounding, notes=["a note"])


def test_hostile_text_everywhere_leaves_the_report_as_it_is(dataset: Dataset, audit: Audit) -> None:
    sample = draw_sample(dataset, {}, 5)
    blocks = [block for section in make_sections(audit, dataset, judge(audit)) for block in section.blocks]
    assert {type(each) for each in blocks} == set(get_args(Block))
    clean = render(audit, dataset, sample)
    dataset.header = poison(dataset.header)
    hostile = render(poison(audit), dataset, poison(sample, HOSTILE))
    assert elements(hostile) == elements(clean)
    assert len(hostile) > len(clean) + 100 * len(HOSTILE)
    assert not UNSEEN.search(re.sub(r'id="sample">.*?</script>', "", hostile))  # the sample is data


def test_hostile_text_everywhere_leaves_the_view_as_it_is() -> None:
    page = templates.get_template("view.html")
    hostile = page.render(title=HOSTILE, token=HOSTILE, version=HOSTILE)
    assert elements(hostile) == elements(page.render(title="a", token="b", version="c"))
    assert not UNSEEN.search(hostile)


def elements(source: str) -> Sequence[tuple[str, list[str]]]:
    """Tags, and the names of their attributes."""
    return [(tag, sorted(attributes)) for tag, attributes in Page(source).tags]
