"""The view in a real browser: it opens, filters, turns pages, searches, drops and undoes, and follows a run.

What is shown stands in the address, so that a reload, the way back and a link lead to it again.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from browser import Browser, opened_browser
from outputs import HEADER
from reports import BITES, DIMENSIONS, biting, make_output, plain, talk

from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.kept import write_audit
from asyncgen.conversation import Conversation, digest_conversation, encode_document, encode_line
from asyncgen.data.dataset import Dataset
from asyncgen.data.dropped import dropped_path, read_dropped
from asyncgen.data.labels import read_labels
from asyncgen.output.files import Files, Record
from asyncgen.output.grades import GRADE_HASH, Answer, Grade, Judgement, grades_paths
from asyncgen.output.journal import Done, encode_entry
from asyncgen.output.paths import OutputPaths

pytestmark = pytest.mark.slow

LINES = 40
LONG = "a long answer, " * 2_000


def until_lines(view: Browser, expected: list[int]) -> None:
    """Until exactly these are shown."""
    view.wait_for(
        "[...document.querySelectorAll('.conversation')].map((each) => each.id.slice(5)).join() === arguments[0]",
        ",".join(map(str, expected)),
    )


def until_count(view: Browser, text: str) -> None:
    view.wait_for("document.getElementById('count').textContent === arguments[0]", text)


def until_narrowed(view: Browser) -> None:
    """Until it is known how many of the lines fit."""
    view.wait_for("document.getElementById('count').textContent.includes(arguments[0])", f" of {LINES} lines")


def until_fact(view: Browser, name: str, value: str) -> None:
    """Until a key figure is this."""
    view.wait_for(
        "[...document.querySelectorAll('#facts dt')].find((each) => each.innerText === arguments[0])"
        "?.nextElementSibling.firstChild.textContent === arguments[1]",
        name,
        value,
    )


def search(view: Browser, text: str) -> None:
    view.click("#free")
    view.keys(text)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Line 1 to 8 bite, line 9 is long, line 10 holds an address, the others are plain, and the last repeats line 20.

    A run of 50 is under way.
    """
    special = [*biting(), talk("Say much.", LONG), talk("Whose is it?", "Write to jane.doe@bakery-of-jane.com now.")]
    conversations = special + [plain(number) for number in range(len(special) + 1, LINES)] + [plain(20)]
    output = make_output(tmp_path / "out.jsonl", conversations)
    with OutputPaths.of(output).journal.open("ab") as journal:
        journal.write(encode_entry(msgspec.structs.replace(HEADER, num=50, dimensions=DIMENSIONS)))
    dataset = Dataset.open(output)
    write_audit(dataset, audit_dataset(dataset))
    return output


@pytest.fixture
def address(output: Path) -> Iterator[str]:
    """Of a viewer that shows the output."""
    command = [sys.executable, "-m", "asyncgen", "view", str(output)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture
def view(browser: Browser, address: str) -> Iterator[Browser]:
    """The browser with the view just opened, in light and wide; nothing may be left to complain about."""
    browser.look()
    browser.open(address)
    until_lines(browser, list(range(1, 11)))
    browser.wait_for("document.querySelectorAll('select').length === 7")
    yield browser
    assert browser.complaints() == []
    browser.open("about:blank")


def append(output: Path, *conversations: Conversation) -> None:
    """As a run in progress does it."""
    first = len(output.read_bytes().splitlines())
    with closing(Files(OutputPaths.of(output))) as files:
        files.append_batch(
            [
                Record(
                    encode_entry(Done(index=first + number, digest=digest_conversation(each).hex())), encode_line(each)
                )
                for number, each in enumerate(conversations)
            ]
        )


def test_it_opens_with_pages_and_figures(view: Browser, address: str) -> None:
    assert view.text("h1") == "out.jsonl"
    assert view.text("#count") == f"{LINES} lines"
    assert view.text("#position") == "1 to 10"
    until_fact(view, "done", "40")
    until_fact(view, "failed", "0")
    until_fact(view, "pending", "10")
    origins = view.run("return [...new Set(performance.getEntriesByType('resource').map((each) => each.name))]")
    assert isinstance(origins, list)
    assert all(each.startswith(address) for each in origins)


def test_pages_turn_and_end_at_both_ends(view: Browser) -> None:
    assert view.run("return document.getElementById('previous').disabled") is True
    for first in (11, 21, 31):
        view.click("#next")
        until_lines(view, list(range(first, first + 10)))
    assert view.run("return document.getElementById('next').disabled") is True
    view.click("#previous")
    until_lines(view, list(range(21, 31)))


@pytest.mark.parametrize(
    ("name", "label", "tag"),
    [
        ("topic", "rye", "rye"),
        ("topic", "<b>sponge</b>", "<b>sponge</b>"),
        ("persona", "a child", "a child"),
        ("finding", "email (1)", "email"),
    ],
)
def test_a_filter_keeps_the_conversations_that_fit(view: Browser, name: str, label: str, tag: str) -> None:
    view.choose(f"select[name='{name}']", label)
    until_narrowed(view)
    tags = view.run("return [...document.querySelectorAll('.tags')].map((each) => each.innerText)")
    assert isinstance(tags, list)
    assert tags
    assert all(tag in each for each in tags)
    view.click("#clear")
    until_count(view, f"{LINES} lines")


def test_a_group_is_chosen_as_a_whole(view: Browser, output: Path) -> None:
    view.choose("select[name='topic']", "any of cake")
    until_narrowed(view)
    dataset = Dataset.open(output)
    cakes = [number for number in range(1, LINES + 1) if dataset.scenario(number - 1)["topic"][0][0] == "cake"]
    until_lines(view, cakes[:10])


def test_a_search_marks_the_words_turns_pages_and_is_left_by_escape(view: Browser) -> None:
    search(view, "LOAF")
    until_count(view, "30 of 40 lines")
    until_lines(view, list(range(11, 21)))
    assert view.text("mark").lower() == "loaf"
    view.click("#next")
    until_lines(view, list(range(21, 31)))
    view.click("#previous")
    until_lines(view, list(range(11, 21)))
    view.click("#free")
    view.keys(" 37")
    until_lines(view, [37])
    view.keys("zz")
    until_count(view, "No conversation is like that")
    view.keys("\ue00c")
    view.wait_for("document.activeElement.id !== 'free'")
    until_count(view, f"{LINES} lines")


def until_position(view: Browser, text: str) -> None:
    view.wait_for("document.getElementById('position').textContent === arguments[0]", text)


def test_a_conversation_is_on_the_first_screen_and_the_bar_stays_there(view: Browser) -> None:
    for width, height in ((1280, 800), (390, 800)):
        view.look(width=width, height=height)
        top = "return document.querySelector(arguments[0]).getBoundingClientRect().top"
        first = view.run(top, "#line-1")
        assert isinstance(first, float | int)
        assert first < height / 2
        view.run("scrollTo(0, 1500)")
        assert view.run(top, "#filters") == 0
        view.run("scrollTo(0, 0)")


def test_filters_fold_and_unfold_by_button_and_key(view: Browser) -> None:
    is_seen = "document.querySelector(\"select[name='topic']\").getClientRects().length > 0"
    assert view.run(f"return {is_seen}") is False
    view.click("#fold")
    assert view.run(f"return {is_seen}") is True
    assert view.run("return document.getElementById('fold').getAttribute('aria-expanded')") == "true"
    assert view.run("return document.activeElement.name") == "topic"
    view.run("document.activeElement.blur()")
    view.keys("f")
    assert view.run(f"return {is_seen}") is False


def test_what_is_shown_survives_a_reload_and_the_way_back(view: Browser) -> None:
    view.choose("select[name='mark']", "not dropped")
    until_count(view, f"{LINES} of {LINES} lines")
    search(view, "loaf")
    until_count(view, "30 of 40 lines")
    view.click("#next")
    until_position(view, "11 to 20")
    view.run("location.reload()")
    until_position(view, "11 to 20")
    until_count(view, "30 of 40 lines")
    assert view.run("return document.getElementById('free').value") == "loaf"
    view.wait_for("document.querySelector(\"select[name='mark']\")?.value === 'kept'")
    view.run("history.back()")
    until_position(view, "1 to 10")
    view.run("history.back()")
    until_count(view, f"{LINES} of {LINES} lines")
    assert view.run("return document.getElementById('free').value") == ""
    view.run("history.back()")
    until_count(view, f"{LINES} lines")
    assert view.run("return document.querySelector(\"select[name='mark']\").value") == ""
    view.run("history.forward()")
    until_count(view, f"{LINES} of {LINES} lines")


def test_a_shared_link_keeps_its_filter_and_its_line(view: Browser, address: str) -> None:
    view.choose("select[name='finding']", "near-duplicate (2)")
    until_lines(view, [2, LINES])
    view.keys("j")
    link = str(view.run("return location.href"))
    assert link.endswith("#line-2")
    view.open("about:blank")
    view.open(link)
    until_lines(view, [2, LINES])
    view.wait_for("document.activeElement.id === 'line-2'")
    assert "finding: near-duplicate" in view.text("#chosen")
    view.click("#chosen button")
    until_count(view, f"{LINES} lines")
    assert view.run("return location.href") == address


@pytest.mark.parametrize(
    "query",
    [
        *("?choice=%7B", "?choice=[]&start=-3", "?choice=null&start=x", "?start=99999", '?choice={"lines":5}'),
        *('?choice={"where":null}', '?choice={"where":{"topic":[]}}', '?choice={"where":{"topic":"rye"}}'),
    ],
)
def test_an_address_that_makes_no_sense_shows_everything(view: Browser, address: str, query: str) -> None:
    view.open("about:blank")
    view.open(f"{address}{query}")
    until_count(view, f"{LINES} lines")
    until_position(view, "1 to 10")


def test_the_line_that_is_repeated_is_a_link_to_both(view: Browser) -> None:
    view.choose("select[name='finding']", "near-duplicate (2)")
    until_lines(view, [2, LINES])
    assert view.text(f"#line-{LINES} a.within") == "like line 20"
    view.click(f"#line-{LINES} a.within")
    until_lines(view, [20, LINES])
    is_beside = (
        "const [one, other] = [...document.querySelectorAll('article')].map((each) => each.getBoundingClientRect());"
    )
    assert view.run(f"{is_beside} return one.right <= other.left && one.top === other.top") is True
    view.run("location.reload()")
    until_lines(view, [20, LINES])
    view.run("history.back()")
    until_lines(view, [2, LINES])


def test_all_that_fit_are_dropped_with_one_undo(view: Browser, output: Path) -> None:
    assert view.run("return document.getElementById('mark-all').hidden") is True
    search(view, "loaf 3")
    until_narrowed(view)
    number = int(view.text("#count").split()[0])
    assert view.text("#mark-all") == f"Drop all {number}"
    view.click("#mark-all")
    view.wait_for("!document.getElementById('told').hidden")
    assert view.text("#told").startswith(f"{number} conversations dropped.")
    until_fact(view, "lines", f"{LINES}")
    assert len(read_dropped(OutputPaths.of(output))) == number
    assert view.count(".is-dropped") == min(number, 10)
    view.keys("\ue007")  # Enter, on the undo that has the focus
    view.wait_for("!document.querySelector('.is-dropped')")
    assert read_dropped(OutputPaths.of(output)) == set()


def test_keys_walk_over_pages_and_the_address_names_the_line(view: Browser) -> None:
    for _ in range(10):
        view.keys("j")
    assert view.run("return location.hash") == "#line-10"
    view.keys("j")
    view.wait_for("document.activeElement.id === 'line-11'")
    view.keys("jk")
    assert view.run("return document.activeElement.id") == "line-11"
    view.keys("k")
    view.wait_for("document.activeElement.id === 'line-10'")
    view.keys("n")
    until_lines(view, list(range(11, 21)))
    view.keys("/jnpd")
    assert view.run("return document.getElementById('free').value") == "jnpd"


def test_a_link_leads_to_its_line_whatever_is_chosen(view: Browser, address: str) -> None:
    view.open("about:blank")
    view.open(f"{address}#line-37")
    until_lines(view, list(range(31, 41)))
    view.wait_for("document.activeElement.id === 'line-37'")
    view.choose("select[name='finding']", "email (1)")
    until_lines(view, [10])
    view.click("#line")
    view.keys("25\n")
    until_lines(view, list(range(21, 31)))
    view.wait_for("document.activeElement.id === 'line-25'")
    view.run("location.hash = '#line-4000'")
    view.wait_for("document.getElementById('alert').textContent.startsWith('There is no line 4,000')")


def test_nothing_in_a_conversation_runs_or_becomes_markup(view: Browser) -> None:
    assert view.run("return document.title") == "out.jsonl"
    assert view.count("#list script, #list img, #list iframe, #list b, #list svg, #list style") == 0
    assert view.count("option *:not(span)") == 0
    shown = view.run("return [...document.querySelectorAll('.is-user .bubble')].map((each) => each.textContent)")
    assert isinstance(shown, list)
    for bite, content in zip(BITES, shown, strict=False):
        visible = re.sub(r"[\u0085\u200b\u2028-\u202e\u2066]", lambda found: f"U+{ord(found[0]):04X}", bite)
        assert content == f"What is this? {visible}"
    view.run(
        "document.body.append(Object.assign(document.createElement('script'), {text: \"document.title = 'bitten'\"}))"
    )
    assert view.run("return document.title") == "out.jsonl"
    assert any("Content Security Policy" in each for each in view.complaints())


def test_a_long_message_unfolds_and_no_page_grows_wider(view: Browser) -> None:
    bubble = "#line-9 .is-assistant .bubble"
    assert len(view.text(bubble)) < 2_200
    view.click(f"{bubble} .more")
    assert len(view.text(bubble)) > len(LONG) - 200
    view.look(width=390)
    assert view.run("return document.documentElement.scrollWidth") == 390


def test_a_judges_questions_are_answered_and_the_answer_may_be_changed(view: Browser, output: Path) -> None:
    paths, digest = OutputPaths.of(output), digest_conversation(plain(12), GRADE_HASH)
    judged = Judgement((), {"grounded": Answer(holds=True), "natural": Answer(holds=True)})
    grades_paths(paths).output.write_bytes(encode_document(Grade(digest.hex(), "judge", judged)))
    journal = encode_entry(msgspec.structs.replace(HEADER, recipe="persona"))
    grades_paths(paths).journal.write_bytes(journal)
    view.wait_for("document.querySelector(\"select[name='judge'] option[value='judged']\")")
    view.choose("select[name='judge']", "judged")
    until_lines(view, [12])
    view.click("#line-12 summary")
    assert "figure, date and name told of the right thing" in view.text("#line-12 .question")
    view.click("#line-12 button.label[aria-label^='No to grounded']")
    view.wait_for("document.querySelector('#line-12 summary').innerText === 'Your answers: 1 of 2'")
    assert read_labels(paths) == {digest: {"grounded": False}}
    assert view.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    view.click("#line-12 button.label[aria-label^='Yes to grounded']")
    view.wait_for("document.activeElement.innerText === 'Yes'")
    view.wait_for("document.activeElement.getAttribute('aria-pressed') === 'true'")
    assert read_labels(paths) == {digest: {"grounded": True}}


def test_a_conversation_is_dropped_and_kept_again(view: Browser, output: Path) -> None:
    paths = OutputPaths.of(output)
    view.click("#line-2 button.mark")
    view.wait_for("document.querySelector('#line-2.is-dropped')")
    assert read_dropped(paths) == {digest_conversation(biting()[1])}
    view.choose("select[name='mark']", "dropped")
    until_lines(view, [2])
    view.keys("j")
    view.keys("d")
    view.wait_for("document.querySelector('#line-2:not(.is-dropped)')")
    assert read_dropped(paths) == set()
    assert view.run("return document.activeElement.id") == "line-2"
    view.choose("select[name='mark']", "not dropped")
    until_count(view, f"{LINES} of {LINES} lines")
    assert len(dropped_path(paths).read_bytes().splitlines()) == 2


def test_a_run_in_progress_is_seen(view: Browser, output: Path, address: str) -> None:
    view.open("about:blank")
    view.open(f"{address}#line-40")
    until_lines(view, list(range(31, 41)))
    append(output, plain(41), plain(42))
    until_fact(view, "lines", "42")
    until_fact(view, "pending", "8")
    until_count(view, "42 lines")
    view.click("#next")
    until_lines(view, [41, 42])
    append(output, plain(43))
    until_lines(view, [41, 42, 43])
    assert "index 42" in view.text("#line-43 h3")


def test_a_viewer_that_has_ended_is_told(view: Browser) -> None:
    view.run("window.fetch = () => Promise.reject(new TypeError('refused'))")
    view.click("#next")
    view.wait_for("document.getElementById('alert').textContent.includes('does not answer any more')")


def test_every_control_has_a_name_and_ids_are_unique(view: Browser) -> None:
    names = view.run(
        "return [...document.querySelectorAll('input, select, button, a')]"
        ".map((each) => each.ariaLabel ?? (each.labels?.[0] ?? each).innerText)"
    )
    assert isinstance(names, list)
    assert all(names)
    ids = view.ids()
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_light_and_dark(view: Browser, scheme: str) -> None:
    view.look(scheme=scheme)
    assert (view.ground_brightness() > 128) == (scheme == "light")
