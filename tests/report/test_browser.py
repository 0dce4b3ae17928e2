"""The report in a real browser: it shows, searches, filters and turns pages, and nothing in a conversation runs."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from browser import Browser, opened_browser
from reports import BITES, biting, make_output, make_report, plain, talk

pytestmark = pytest.mark.slow

LINES = 40
LONG = "a long answer, " * 6_600  # 99 kB


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Line 1 to 8 bite, line 9 is long, line 10 names a secret, the others are plain."""
    special = [
        *biting(),
        talk("Say much.", LONG),
        talk("Whose is it?", "Write to jane.doe@bakery-of-jane.com about it."),
    ]
    conversations = special + [plain(number) for number in range(len(special) + 1, LINES + 1)]
    return make_report(make_output(tmp_path_factory.mktemp("report") / "out.jsonl", conversations)).as_uri()


@pytest.fixture
def report(browser: Browser, page: str) -> Browser:
    """The browser with the report just opened, in light and wide."""
    browser.look()
    browser.open("about:blank")
    browser.open(page)
    browser.complaints()
    return browser


def headings(report: Browser) -> list[int]:
    """The lines that are shown."""
    found = report.run("return [...document.querySelectorAll('.conversation h3')].map((each) => each.innerText)")
    assert isinstance(found, list)
    return [int(each.removeprefix("Line ").replace(",", "")) for each in found]


def search(report: Browser, text: str) -> None:
    report.click("#free")
    report.keys(text)


def test_it_opens_without_a_complaint_and_without_the_network(browser: Browser, page: str) -> None:
    browser.open("about:blank")
    browser.complaints()
    browser.open(page)
    assert browser.complaints() == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    assert browser.text("h1") == "out.jsonl"


def test_the_first_page_shows_ten_and_says_of_how_many(report: Browser) -> None:
    assert headings(report) == list(range(1, 11))
    assert report.text("#count") == f"{LINES} of {LINES} sampled conversations"
    assert report.text("#position") == "1 to 10"


def test_pages_turn_by_button_and_end_at_both_ends(report: Browser) -> None:
    assert report.run("return document.getElementById('previous').disabled") is True
    for first in (11, 21, 31):
        report.click("#next")
        assert headings(report)[0] == first
    assert report.run("return document.getElementById('next').disabled") is True
    report.click("#previous")
    assert headings(report) == list(range(21, 31))


def test_all_words_must_occur_and_are_marked(report: Browser) -> None:
    search(report, "LOAF 37")
    assert headings(report) == [37]
    marked = report.run("return [...document.querySelectorAll('mark')].map((each) => each.innerText)")
    assert isinstance(marked, list)
    assert {each.lower() for each in marked} == {"loaf", "37"}


def test_a_search_that_finds_nothing_says_so_and_escape_clears_it(report: Browser) -> None:
    search(report, "zeppelin")
    assert headings(report) == []
    assert report.text("#count") == f"None of the {LINES} sampled conversations is like that"
    report.keys("\ue00c")
    assert len(headings(report)) == 10


def test_a_search_for_signs_of_patterns_means_them_literally(report: Browser) -> None:
    search(report, "${policy} {braces}")
    assert headings(report) == [len(BITES)]


@pytest.mark.parametrize(
    ("dimension", "value"),
    [("topic", "rye"), ("topic", "<b>sponge</b>"), ("persona", "a child"), ("dynamic", "long (4 messages)")],
)
def test_a_filter_keeps_the_conversations_of_that_value(report: Browser, dimension: str, value: str) -> None:
    report.choose(f"select[name='{dimension}']", value)
    tags = report.run(
        "return [...document.querySelectorAll('.conversation')].map((each) => each.querySelector('.tags').innerText)"
    )
    assert isinstance(tags, list)
    assert tags
    assert all(value in each for each in tags)
    assert not report.text("#count").startswith(f"{LINES} ")


def test_filters_and_words_hold_together_until_they_are_cleared(report: Browser) -> None:
    search(report, "loaf")
    report.choose("select[name='persona']", "a child")
    both = int(report.text("#count").split()[0])
    assert 0 < both < LINES - len(BITES) - 2
    report.click("#clear")
    assert report.text("#count").startswith(f"{LINES} ")


def test_a_finding_can_be_filtered_and_its_example_leads_to_its_line(report: Browser) -> None:
    report.choose("select[name='finding']", "email")
    assert headings(report) == [10]
    report.choose("select[name='finding']", "no finding")
    assert 10 not in headings(report)
    report.click(".evidence-list a[href='#line-10']")
    report.wait_for("document.activeElement.id === 'line-10'")
    assert headings(report) == list(range(1, 11))


def test_keys_walk_through_conversations_and_pages(report: Browser) -> None:
    visited = []
    for _ in range(12):
        report.keys("j")
        visited.append(report.run("return document.activeElement.id"))
    assert visited == [f"line-{number}" for number in range(1, 13)]
    report.keys("kkk")
    assert report.run("return document.activeElement.id") == "line-9"
    report.keys("n")
    assert headings(report)[0] == 11
    report.keys("p")
    assert headings(report)[0] == 1
    report.keys("/jnp")
    assert report.run("return document.getElementById('free').value") == "jnp"


def test_nothing_in_a_conversation_runs_or_becomes_markup(report: Browser) -> None:
    assert report.run("return document.title") == "out.jsonl: what is in it"
    assert report.count("#list script, #list img, #list iframe, #list b, #list svg") == 0
    shown = report.run("return [...document.querySelectorAll('.is-user .bubble')].map((each) => each.textContent)")
    assert isinstance(shown, list)
    for bite, content in zip(BITES, shown, strict=False):
        assert content == f"What is this? {visible(bite)}"
    assert report.complaints() == []


def visible(text: str) -> str:
    return re.sub(r"[\u0085\u200b\u2028-\u202e\u2066]", lambda found: f"U+{ord(found[0]):04X}", text)


def test_a_long_message_unfolds_and_no_page_grows_wider(report: Browser) -> None:
    bubble = "#line-9 .is-assistant .bubble"
    assert len(report.text(bubble)) < 2_200
    report.click(f"{bubble} .more")
    assert len(report.text(bubble)) > len(LONG) - 200
    report.look(width=390)
    assert report.run("return document.documentElement.scrollWidth") == 390


def test_headings_are_in_order_and_every_control_has_a_name(report: Browser) -> None:
    levels = report.run(
        "return [...document.querySelectorAll('h1, h2, h3, h4')].map((each) => Number(each.tagName[1]))"
    )
    assert isinstance(levels, list)
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    names = report.run(
        "return [...document.querySelectorAll('input, select, button')]"
        ".map((each) => (each.labels?.[0] ?? each).innerText)"
    )
    assert isinstance(names, list)
    assert all(names)
    assert report.run("return document.documentElement.lang") == "en"
    ids = report.ids()
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_light_and_dark(report: Browser, scheme: str) -> None:
    report.look(scheme=scheme)
    assert (report.ground_brightness() > 128) == (scheme == "light")


def test_it_prints_in_light_without_controls(report: Browser) -> None:
    report.look(scheme="dark")
    report.devtools("Emulation.setEmulatedMedia", media="print")
    assert report.run("return getComputedStyle(document.body).color") == "rgb(34, 32, 28)"
    assert report.run("return getComputedStyle(document.getElementById('filters')).display") == "none"
    assert report.paper().startswith(b"%PDF")


def test_it_works_from_a_folder_with_spaces_and_signs(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "a folder & <its> #signs%20"
    folder.mkdir()
    browser.open(make_report(make_output(folder / "out <1>.jsonl", [plain(1)])).as_uri())
    assert browser.text("h1") == "out <1>.jsonl"
    assert headings(browser) == [1]
