"""`view` over real loopback connections: what it answers, what it refuses, how it follows files that grow."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from audited import write_output
from hypothesis import given
from hypothesis import strategies as st
from outputs import HEADER, Snapshot, failed, file_size_limit
from reports import DIMENSIONS, biting, make_output, plain, talk
from sweep import at_most
from yarl import URL

from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.kept import write_audit
from asyncgen.command.main import main
from asyncgen.conversation import Conversation, digest_conversation, encode_document, encode_line
from asyncgen.data.dataset import Dataset
from asyncgen.data.dropped import append_mark, dropped_path, read_dropped
from asyncgen.data.labels import labels_path
from asyncgen.data.state import make_report
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.earlier import read_status
from asyncgen.output.files import Files, Record
from asyncgen.output.grades import GRADE_HASH, Answer, Grade, Judgement, grades_paths
from asyncgen.output.journal import Done, encode_entry
from asyncgen.output.paths import OutputPaths, torn_path
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.viewer.answers import ALLOWANCE, Marked, Options, Page, ShownConversation, State, audit_command
from asyncgen.viewer.auditor import Auditor
from asyncgen.viewer.catalogue import Catalogue
from asyncgen.viewer.selection import Selections, split_words
from asyncgen.viewer.server import PAGE_SIZE, Viewer
from asyncgen.viewer.store import Choice

pytestmark = pytest.mark.slow  # a server, and sometimes a process, for each

LINES = 35
PICKS = Dimension("hints", (Group("sweet", ("honey", "jam")), Group("salty", ("cheese", "ham"))), grouped=True, pick=2)
Client = TestClient[Request, Application]


class Visit:
    """A page's view of the server; its client closes what a story leaves open, of which a later test would be told."""

    def __init__(self, viewer: Viewer, client: Client) -> None:
        self.viewer = viewer
        self.root = URL(f"/{viewer.key}/")
        self.client = client

    async def get(self, path: str, **parameters: str | int) -> tuple[int, bytes]:
        async with self.client.get(self.root / path, params=parameters) as response:
            return response.status, await response.read()

    async def page(self, choice: object = None, **parameters: str | int) -> Page:
        status, body = await self.get("lines", choice=msgspec.json.encode(choice or {}).decode(), **parameters)
        assert status == 200, body
        return msgspec.json.decode(body, type=Page)

    async def numbers(self, choice: object = None) -> list[int]:
        """All lines that fit, page by page."""
        found: list[int] = []
        while True:
            page = await self.page(choice, start=len(found))
            found += [each.line for each in page.conversations]
            if not page.conversations:
                assert page.total == len(found)
                return found

    async def search(self, words: str, choice: object = None) -> list[Page]:
        """All pages of a search."""
        pages: list[Page] = []
        while not pages or pages[-1].start + PAGE_SIZE < pages[-1].total:
            pages.append(await self.page(choice, words=words, start=PAGE_SIZE * len(pages), total=1))
            assert pages[-1].searched == pages[-1].lines
        return pages

    async def options(self) -> Options:
        return msgspec.json.decode((await self.get("options"))[1], type=Options)

    async def mark(
        self, line: int, *, dropped: bool, generation: int = 0, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        body = msgspec.json.encode({"line": line, "generation": generation, "dropped": dropped})
        given = {"X-Token": self.viewer.token, **(headers or {})}
        async with self.client.post(self.root / "marks", data=body, headers=given) as response:
            return response.status, await response.read()

    async def post(self, path: str, **body: object) -> tuple[int, bytes]:
        headers = {"X-Token": self.viewer.token}
        async with self.client.post(self.root / path, data=msgspec.json.encode(body), headers=headers) as response:
            return response.status, await response.read()

    async def mark_all(self, choice: object, total: int, *, words: str = "", dropped: bool = True) -> Marked:
        body = {"choice": choice, "words": words, "total": total, "generation": 0, "dropped": dropped}
        status, answer = await self.post("marks/all", **body)
        assert status == 200, answer
        return msgspec.json.decode(answer, type=Marked)

    @asynccontextmanager
    async def states(self) -> AsyncIterator[AsyncIterator[State]]:
        async with self.client.get(self.root / "events") as response:
            assert response.content_type == "text/event-stream"
            async with aclosing(_read_states(response)) as states:
                yield states
            response.close()

    async def until(self, is_so: Callable[[State], bool]) -> State:
        """The first state that is so."""
        async with self.states() as states:
            async for state in states:
                if is_so(state):
                    return state
        raise AssertionError("the stream ended")


async def _read_states(response: aiohttp.ClientResponse) -> AsyncGenerator[State, None]:
    async for line in response.content:
        if line.startswith(b"data: "):
            yield msgspec.json.decode(line.removeprefix(b"data: "), type=State)


def visit(
    output: Path,
    story: Callable[[Visit], Awaitable[None]],
    *,
    is_read: bool = True,
    auditor: Auditor | None = None,
) -> None:
    """Tells the story of a visitor, once the whole file has been read unless told otherwise."""

    async def tell() -> None:
        viewer = Viewer(Catalogue(OutputPaths.of(output)), "asyncgen audit it", auditor, poll=0.01, heartbeat=0.02)
        async with TestClient(TestServer(viewer.create_app(), host="127.0.0.1")) as client:
            there = Visit(viewer, client)
            if is_read:
                await there.until(lambda state: state.is_whole)
            await story(there)

    asyncio.run(tell())


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Plain lines; the fifth holds an e-mail address."""
    conversations = [plain(number) for number in range(1, LINES + 1)]
    conversations[4] = talk("Whose is it?", "Write to jane.doe@bakery-of-jane.com about it.")
    return make_output(tmp_path / "out.jsonl", conversations, dimensions=(*DIMENSIONS, PICKS))


def append(output: Path, *conversations: Conversation, model: str | None = None, known: bool = True) -> None:
    """As a run in progress does it."""
    first = len(output.read_bytes().splitlines())
    records = [
        Record(
            encode_entry(Done(index=first + number, digest=digest_conversation(each).hex(), model=model)) * known,
            encode_line(each),
        )
        for number, each in enumerate(conversations)
    ]
    with closing(Files(OutputPaths.of(output))) as files:
        files.append_batch(records)


def ask_for(output: Path, num: int) -> None:
    """Begin another run that goes on to so many."""
    header = msgspec.structs.replace(HEADER, num=num, dimensions=(*DIMENSIONS, PICKS))
    with OutputPaths.of(output).journal.open("ab") as journal:
        journal.write(encode_entry(header))


def rewrite(output: Path, content: bytes) -> None:
    """As an editor does it that keeps the file."""
    output.write_bytes(content)


def rename(path: Path, name: Path) -> None:
    path.rename(name)


def audit(output: Path) -> None:
    dataset = Dataset.open(output)
    write_audit(dataset, audit_dataset(dataset))


# ---- who may ask


def test_every_answer_forbids_what_the_page_does_not_need(output: Path) -> None:
    async def story(there: Visit) -> None:
        for path in ("", "view.js", "conversation.js", "style.css", "lines", "options", "nothing"):
            async with there.client.get(there.root / path) as response:
                headers = response.headers
                assert response.status == (404 if path == "nothing" else 200)
            policy = dict(each.split(maxsplit=1) for each in headers["Content-Security-Policy"].split("; "))
            assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
            assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"
            assert "Access-Control-Allow-Origin" not in headers

    visit(output, story)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1", "127.0.0.1.evil.example:{port}"]
)
def test_a_host_that_is_not_its_own_is_refused(output: Path, host: str) -> None:
    async def story(there: Visit) -> None:
        for path in ("", "lines", "view.js", "events"):
            headers = {"Host": host.format(port=there.client.port)}
            async with there.client.get(there.root / path, headers=headers) as response:
                assert response.status == 403
                assert b"loaf" not in await response.read()

    visit(output, story)


def test_localhost_is_its_own_name_too(output: Path) -> None:
    async def story(there: Visit) -> None:
        async with there.client.get(there.root, headers={"Host": f"localhost:{there.client.port}"}) as response:
            assert response.status == 200

    visit(output, story)


@pytest.mark.parametrize("path", ["/", "/lines", "/options", "/view.js", "/wrong/lines"])
def test_without_the_secret_of_the_address_there_is_nothing(output: Path, path: str) -> None:
    async def story(there: Visit) -> None:
        async with there.client.get(there.root.with_path(path)) as response:
            assert response.status == 404

    visit(output, story)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Token": ""},
        {"X-Token": "wrong"},
        {"X-Token": "é"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_a_mark_that_does_not_come_from_its_own_page_is_refused(output: Path, headers: dict[str, str]) -> None:
    async def story(there: Visit) -> None:
        status, _ = await there.mark(1, dropped=True, headers=headers)
        assert status == 403
        assert not dropped_path(OutputPaths.of(output)).exists()

    visit(output, story)


def test_the_token_is_in_the_page_and_another_each_time(output: Path) -> None:
    tokens = []

    async def story(there: Visit) -> None:
        page = (await there.get(""))[1].decode()
        assert f'content="{there.viewer.token}"' in page
        assert f'content="{there.viewer.key}"' not in page
        tokens.append((there.viewer.token, there.viewer.key))

    visit(output, story)
    visit(output, story)
    assert tokens[0][0] != tokens[1][0]
    assert tokens[0][1] != tokens[1][1]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("lines", {"start": "-1"}),
        ("lines", {"start": "one"}),
        ("lines", {"line": "9" * 40}),
        ("lines", {"choice": "{"}),
        ("lines", {"choice": '{"what": 1}'}),
        ("lines", {"choice": '{"mark": "eaten"}'}),
        ("lines", {"choice": '{"lines": ["1"]}'}),
        ("lines", {"words": "loaf", "start": "x-y"}),
    ],
)
def test_a_request_that_makes_no_sense_is_told_so(output: Path, path: str, parameters: dict[str, str]) -> None:
    async def story(there: Visit) -> None:
        status, body = await there.get(path, **parameters)
        assert status == 400
        assert msgspec.json.decode(body)["error"]

    visit(output, story)


# ---- pages


def test_pages_go_through_the_whole_file(output: Path) -> None:
    async def story(there: Visit) -> None:
        assert await there.numbers() == list(range(1, LINES + 1))
        page = await there.page(start=10)
        assert (page.start, page.total, len(page.conversations)) == (10, LINES, PAGE_SIZE)
        assert (await there.page(start=10**15)).conversations == []

    visit(output, story)


def test_a_line_is_found_on_its_page_among_all(output: Path) -> None:
    async def story(there: Visit) -> None:
        page = await there.page({"mark": "dropped"}, line=25)
        assert (page.start, page.total) == (20, LINES)
        assert (await there.page(line=10**12)).conversations == []

    visit(output, story)


def test_a_conversation_has_all_that_is_known_of_it(output: Path) -> None:
    audit(output)

    async def story(there: Visit) -> None:
        shown = (await there.page()).conversations[4]
        assert (shown.line, shown.index, shown.model, shown.finish_reason, shown.asks) == (5, 4, "some/model", None, 1)
        assert shown.scenario == Dataset.open(output).scenario(4)
        assert [(each.role, each.content) for each in shown.messages] == [
            ("user", "Whose is it?"),
            ("assistant", "Write to jane.doe@bakery-of-jane.com about it."),
        ]
        email = next(each for each in shown.findings if each.rule == "email")
        assert email.severity == "warning"
        assert any("jane.doe@bakery-of-jane.com" in each for each in email.evidence)

    visit(output, story)


def test_a_conversation_that_bites_arrives_as_it_is_and_only_as_data(tmp_path: Path) -> None:
    output = make_output(tmp_path / "out.jsonl", biting())

    async def story(there: Visit) -> None:
        async with there.client.get(there.root / "lines") as response:
            assert response.content_type == "application/json"
            page = msgspec.json.decode(await response.read(), type=Page)
        for shown, bitten in zip(page.conversations, biting(), strict=True):
            assert [each.content for each in shown.messages] == [each.content for each in bitten]
        assert b"bitten" not in (await there.get(""))[1]

    visit(output, story)


def test_a_name_that_bites_is_escaped(tmp_path: Path) -> None:
    output = make_output(tmp_path / '<img src=x onerror="1">\u202e.jsonl', [plain(1)])

    async def story(there: Visit) -> None:
        page = (await there.get(""))[1].decode()
        assert "<img" not in page
        assert "&lt;img src=x onerror=&#34;1&#34;&gt;[U+202E].jsonl" in page

    visit(output, story)


def test_a_conversation_too_long_to_show_is_cut_and_says_so(tmp_path: Path) -> None:
    long = talk("a" * (ALLOWANCE - 10), "b" * 1000, "c", "d")
    output = make_output(tmp_path / "out.jsonl", [long])

    async def story(there: Visit) -> None:
        shown = (await there.page()).conversations[0]
        assert sum(len(each.content) for each in shown.messages) <= ALLOWANCE
        assert sum(len(each.content) + each.cut for each in shown.messages) + shown.omitted >= len(
            "".join(each.content for each in long[: len(shown.messages)])
        )
        assert len(shown.messages) + shown.omitted == 4

    visit(output, story)


# ---- filters


def test_lines_are_chosen_by_group_value_and_picked_value(output: Path) -> None:
    dataset = Dataset.open(output)
    scenarios = {number: dataset.scenario(number - 1) for number in range(1, LINES + 1)}

    def having(name: str, group: str, value: str | None = None) -> list[int]:
        return [
            number
            for number, scenario in scenarios.items()
            if any(each[0] == group and value in {None, each[1]} for each in scenario[name])
        ]

    async def story(there: Visit) -> None:
        for name, path in (
            ("topic", ["bread"]),
            ("topic", ["cake", "\u202efruit"]),
            ("persona", ["", "a child"]),
            ("hints", ["salty"]),
            ("hints", ["salty", "ham"]),
        ):
            expected = having(name, *path)
            assert expected
            assert await there.numbers({"where": {name: path}}) == expected
        both = {"where": {"topic": ["bread"], "persona": ["", "a child"]}}
        assert await there.numbers(both) == sorted({*having("topic", "bread")} & {*having("persona", "", "a child")})
        for nothing in ({"topic": ["stone"]}, {"topic": ["bread", "jam"]}, {"shape": ["round"]}):
            assert await there.numbers({"where": nothing}) == []

    visit(output, story)


def test_of_very_many_values_only_groups_can_be_chosen(tmp_path: Path) -> None:
    names = tuple(f"persona {number}" for number in range(3000))
    dimensions = (
        Dimension("persona", (Group("", names),)),
        Dimension("topic", (Group("bread", names), Group("cake", ("sponge",))), grouped=True),
    )
    output = make_output(tmp_path / "x.jsonl", [plain(number) for number in range(3)], dimensions=dimensions)

    async def story(there: Visit) -> None:
        (topic,) = (await there.options()).dimensions
        assert [(each.name, each.values) for each in topic.groups] == [("bread", []), ("cake", [])]

    visit(output, story)


def test_what_can_be_chosen_is_told(output: Path) -> None:
    async def story(there: Visit) -> None:
        options = await there.options()
        assert [each.name for each in options.dimensions] == ["topic", "persona", "dynamic", "hints"]
        assert [(each.name, each.values) for each in options.dimensions[0].groups] == [
            ("bread", ["rye", "wheat"]),
            ("cake", ["<b>sponge</b>", "\u202efruit"]),
        ]
        assert options.models == ["some/model"]
        assert options.notes == []

    visit(output, story)


def test_lines_are_chosen_by_model(output: Path) -> None:
    async def story(there: Visit) -> None:
        append(output, plain(100), plain(101), model="another/model")
        await there.until(lambda state: state.lines == LINES + 2)
        assert await there.numbers({"model": "another/model"}) == [LINES + 1, LINES + 2]
        assert await there.numbers({"model": "some/model"}) == list(range(1, LINES + 1))
        assert await there.numbers({"model": "no/model"}) == []
        assert (await there.options()).models == ["another/model", "some/model"]

    ask_for(output, LINES + 2)
    visit(output, story)


def test_quotations_of_the_offline_engine_have_no_model_to_their_name(tmp_path: Path) -> None:
    paths = write_output(tmp_path / "out.jsonl", [])
    paths.journal.write_bytes(encode_entry(msgspec.structs.replace(HEADER, provider=OFFLINE)))
    append(paths.output, plain(0))

    async def story(there: Visit) -> None:
        assert (await there.page()).conversations[0].model == OFFLINE

    visit(paths.output, story)


def test_findings_come_with_an_audit_made_meanwhile_and_know_what_it_has_not_seen(output: Path) -> None:
    async def story(there: Visit) -> None:
        options = await there.options()
        assert options.rules == []
        assert "asyncgen audit it" in options.audit
        assert await there.numbers({"finding": "any"}) == []
        before = (await there.until(lambda state: True)).options
        audit(output)
        await there.until(lambda state: state.options > before)
        options = await there.options()
        assert options.audit == ""
        assert {each.name: each.count for each in options.rules}["email"] == 1
        assert await there.numbers({"finding": "email"}) == [5]
        assert 5 in await there.numbers({"finding": "any"})
        without = await there.numbers({"finding": "none"})
        assert sorted([*await there.numbers({"finding": "any"}), *without]) == list(range(1, LINES + 1))
        assert await there.numbers({"finding": "secret"}) == []
        append(output, talk("Whose?", "Ask bert@bakery-of-jane.com."))
        await there.until(lambda state: state.lines == LINES + 1)
        assert await there.numbers({"finding": "none"}) == without
        await there.until(lambda state: state.options > before + 1)
        assert f"up to line {LINES}" in (await there.options()).audit

    visit(output, story)


def test_an_audit_of_another_content_is_not_believed(output: Path) -> None:
    audit(output)
    append(output, plain(100))

    async def story(there: Visit) -> None:
        options = await there.options()
        assert options.rules == []
        assert "no audit" in options.audit

    visit(output, story)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"version": 1}'])
def test_an_audit_that_is_none_is_left_alone(output: Path, content: bytes) -> None:
    output.with_name("out.jsonl.audit.json").write_bytes(content)

    async def story(there: Visit) -> None:
        assert "no audit" in (await there.options()).audit

    visit(output, story)


def test_the_command_for_an_audit_can_be_pasted() -> None:
    assert audit_command(Path("my data.jsonl")) == "asyncgen audit 'my data.jsonl'"


# ---- search


def test_a_search_has_pages_and_a_total(output: Path) -> None:
    async def story(there: Visit) -> None:
        pages = await there.search("LOAF bakes")
        lines = [each.line for page in pages for each in page.conversations]
        assert lines == [number for number in range(1, LINES + 1) if number != 5]
        assert all(len(page.conversations) <= PAGE_SIZE for page in pages)
        assert {page.total for page in pages} == {LINES - 1}

    visit(output, story)


def test_a_search_keeps_to_what_is_chosen(output: Path) -> None:
    async def story(there: Visit) -> None:
        choice = {"where": {"topic": ["bread"]}}
        found = [each.line for page in await there.search("loaf", choice) for each in page.conversations]
        assert found == [each for each in await there.numbers(choice) if each != 5]

    visit(output, story)


def test_a_search_finds_no_names_of_json(output: Path) -> None:
    async def story(there: Visit) -> None:
        for words in ("role", "assistant", '"content"', "loaf zeppelin"):
            assert [each.conversations for each in await there.search(words)] == [[]]

    visit(output, story)


def test_the_total_of_a_search_grows_with_the_file_and_follows_marks(output: Path) -> None:
    async def story(there: Visit) -> None:
        assert (await there.page(words="loaf", total=1)).total == LINES - 1
        append(output, plain(100))
        await there.until(lambda state: state.lines == LINES + 1)
        assert (await there.page(words="loaf", total=1)).total == LINES
        assert (await there.page({"mark": "kept"}, words="loaf", total=1)).total == LINES
        await there.mark(1, dropped=True)
        assert (await there.page({"mark": "kept"}, words="loaf", total=1)).total == LINES - 1

    visit(output, story)


def test_a_search_in_a_file_that_was_changed_begins_anew(output: Path) -> None:
    async def story(there: Visit) -> None:
        assert (await there.page(words="loaf", total=1)).total == LINES - 1
        os.truncate(output, len(encode_line(plain(1))))
        await there.until(lambda state: state.generation > 0 and state.is_whole)
        assert (await there.page(words="loaf", total=1)).total == 1

    visit(output, story)


@given(
    st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=3), min_size=1, max_size=6),
    st.lists(st.text('aAbk"\\/é\u212a\u0130\n\u2028u0', min_size=1, max_size=2), min_size=1, max_size=2),
)
def test_a_search_finds_exactly_what_holds_the_words(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]], words: list[str]
) -> None:
    output = tmp_path_factory.mktemp("search") / "out.jsonl"
    endings = ["", "".join(words)]
    spelled = [talk(*[text + endings[number % 2] for text in each]) for number, each in enumerate(texts)]
    output.write_bytes(b"".join(map(encode_line, spelled)))
    sought = split_words(" ".join(words))
    with read(output) as catalogue:
        selections = Selections(catalogue, clock=count(step=0.1).__next__)  # a line is more than a slice
        slices = [selections.go_on(Choice(), sought).searched for _ in texts]
        found = list(selections.go_on(Choice(), sought).lines)
    assert not sought or slices == list(range(1, len(texts) + 1))
    contents = ["\n".join(each.content for each in conversation).lower() for conversation in spelled]
    assert found == [number for number, content in enumerate(contents, 1) if all(word in content for word in sought)]


def test_a_search_finds_what_another_program_escaped(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_bytes(b'[{"role": "user", "content": "caf\\u00e9 \\u0061nd more"}]\n')

    async def story(there: Visit) -> None:
        for words in ("café", "and", "CAF\u00c9 more"):
            assert len((await there.search(words))[0].conversations) == 1

    visit(output, story)


# ---- lines that are like others


def test_a_line_that_repeats_another_names_it_and_both_are_shown_together(output: Path) -> None:
    append(output, plain(7))
    audit(output)

    async def story(there: Visit) -> None:
        shown = (await there.page(line=LINES + 1)).conversations[-1]
        like = {each.rule: each.like for each in shown.findings}
        assert like["near-duplicate"] == 7
        both = await there.page({"lines": [7, shown.line]})
        assert (both.total, [each.line for each in both.conversations]) == (2, [7, LINES + 1])
        assert await there.numbers({"lines": [LINES + 1, 7, 7, -3, 10**12]}) == [7, LINES + 1]
        assert (await there.page(line=5)).conversations[4].findings[0].like is None

    visit(output, story)


@pytest.mark.parametrize("like", ["[]", "[7]", "[-1]", '["x"]', "[99999999999999]"])
def test_an_audit_whose_likes_do_not_fit_is_survived(output: Path, like: str) -> None:
    append(output, plain(7))
    audit(output)
    path = output.with_name("out.jsonl.audit.json")
    path.write_text(re.sub(r'"like": ?\[[0-9, ]+\]', f'"like":{like}', path.read_text()))

    async def story(there: Visit) -> None:
        assert (await there.page(line=LINES + 1)).conversations[-1].line == LINES + 1

    visit(output, story)


# ---- an audit of its own


def test_without_an_audit_it_makes_one_and_says_so(output: Path) -> None:
    found = output.with_name("out.jsonl.audit.json")
    with started(output) as viewer:
        assert "there is no audit of this file as it is; making one" in viewer.process.stderr.readline()
        assert "out.jsonl: audited" in viewer.process.stderr.readline()
        assert found.exists()
        viewer.process.send_signal(signal.SIGINT)
        assert viewer.process.wait(20) == 0


def test_what_its_audit_finds_comes_to_the_page_which_says_what_it_waits_for(
    output: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = await_audit(output)
    assert any("Findings are being looked for" in each for each in said)
    assert said[-1] == ""
    assert capfd.readouterr().err.count("\n") == 2


def test_an_audit_of_its_own_that_cannot_be_started_is_told(
    output: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere")
    said = await_audit(output)
    assert said[-1] == "The audit of this file failed: it cannot be started: No such file or directory"
    assert "the audit failed: it cannot be started" in capfd.readouterr().err


def test_an_audit_of_its_own_that_fails_is_told_once(output: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = output.with_name("out.jsonl.audit.json")
    found.mkdir()
    (found / "in the way").touch()
    said = await_audit(output)
    assert "The audit of this file failed: " in said[-1]
    assert "out.jsonl.audit.json" in said[-1]
    assert capfd.readouterr().err.count("\n") == 2


def test_no_audit_is_made_where_none_can_be_written_and_that_is_said_once(
    output: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: (Path(path), mode) != (output.parent, os.W_OK))
    auditor = Auditor(output)
    for _ in range(2):
        asyncio.run(auditor.audit(is_first=True))
    missing = "there is no audit of this file as it is; none is made, since nothing can be written beside it"
    assert auditor.said == f"Findings are not looked for: {missing}."
    assert capfd.readouterr().err == f"asyncgen: {output}: {missing}\n"
    assert not output.with_name(f"{output.name}.audit.json").exists()


def await_audit(output: Path) -> list[str]:
    """What the page was told of an audit, one after the other, until there is one or it has failed."""
    told: list[str] = []

    async def story(there: Visit) -> None:
        async with there.states() as states:
            async for _ in states:
                told.append((await there.options()).audit)
                if told[-1] == "" or "failed" in told[-1]:
                    return

    visit(output, story, auditor=Auditor(output))
    return told


@pytest.mark.parametrize(
    ("seconds", "audits"), [(29.0, 1), (31.0, 2)], ids=["while a run is writing", "when nothing has come for a while"]
)
def test_lines_that_came_since_an_audit_get_one_when_the_file_stands_still(
    output: Path, seconds: float, audits: int
) -> None:
    async def story() -> None:
        auditor = Counted(output)
        with read(output) as catalogue:
            auditor.follow(catalogue, 0.0)
            await asyncio.sleep(0)
            audit(output)
            while catalogue.advance() or catalogue.findings.lines is None:
                pass
            append(output, plain(100))
            while catalogue.advance() or len(catalogue) == LINES:
                pass
            for now in (1.0, 1.0 + seconds, 1.0 + seconds):
                auditor.follow(catalogue, now)
                await asyncio.sleep(0)
        await auditor.close()
        assert auditor.audits == audits

    asyncio.run(story())


class Counted(Auditor):
    audits = 0

    async def audit(self, *, is_first: bool) -> None:
        assert is_first == (self.audits == 0)
        self.audits += 1


# ---- files that grow or change


def test_lines_of_a_run_appear_with_index_scenario_and_figures(output: Path) -> None:
    async def story(there: Visit) -> None:
        async with there.states() as states:
            assert (await anext(states)).lines == LINES
            append(output, plain(100))
            async for state in states:
                if state.lines == LINES + 1:
                    break
            append(output, plain(101), plain(102))
            async for state in states:
                if state.lines == LINES + 3:
                    break
        shown = (await there.page(start=LINES)).conversations
        assert [each.index for each in shown] == [LINES, LINES + 1, LINES + 2]
        assert shown[2].scenario["topic"] == Dataset.open(output).scenario(LINES + 2)["topic"]

    ask_for(output, LINES + 3)
    visit(output, story)


def test_figures_are_those_of_status(tmp_path: Path) -> None:
    output = make_output(
        tmp_path / "out.jsonl", [plain(number) for number in range(12)], others=[failed(12), failed(13)]
    )
    report = make_report(*read_status(OutputPaths.of(output)))

    async def story(there: Visit) -> None:
        state = await there.until(lambda state: state.is_whole)
        assert (state.num, state.done, state.failed, state.pending, state.calls) == (
            *(report.num, report.done, report.failed, report.pending),
            report.calls,
        )
        assert state.read == state.size == output.stat().st_size

    visit(output, story)


def test_a_stream_has_a_heartbeat_and_ends_with_the_server(output: Path) -> None:
    async def story(there: Visit) -> None:
        async with there.client.get(there.root / "events") as events:
            lines = [await events.content.readline() for _ in range(6)]
            assert lines[0].startswith(b"data: ")
            assert b": still here\n" in lines
            await there.client.server.close()
            with pytest.raises(aiohttp.ClientPayloadError):
                await events.content.read()

    visit(output, story)


def test_half_a_line_is_not_shown_before_its_end_has_come(output: Path) -> None:
    line = encode_line(plain(100))

    async def story(there: Visit) -> None:
        with output.open("ab", buffering=0) as file:
            file.write(line[:-20])
            await there.until(lambda state: state.size == output.stat().st_size)
            assert (await there.page()).total == LINES
            file.write(line[-20:-1])  # all but its newline
            await there.until(lambda state: state.lines == LINES + 1)
            file.write(b"\n" + encode_line(plain(101)))
            await there.until(lambda state: state.lines == LINES + 2)
        shown = (await there.page(start=LINES)).conversations
        assert [each.messages[0].content for each in shown] == [plain(100)[0].content, plain(101)[0].content]

    visit(output, story)


@pytest.mark.parametrize("how", ["shorter", "another file", "edited in place"])
def test_a_file_that_was_changed_is_read_anew(output: Path, how: str) -> None:
    lines = output.read_bytes().splitlines(keepends=True)

    async def story(there: Visit) -> None:
        if how == "shorter":
            os.truncate(output, len(lines[0]))
        elif how == "another file":
            output.with_name("new").write_bytes(lines[0])
            output.with_name("new").replace(output)
        else:
            rewrite(output, lines[0] + b" " * (len(b"".join(lines)) + 10))
        state = await there.until(lambda state: state.generation > 0 and state.is_whole and state.lines == 1)
        assert [each.line for each in (await there.page()).conversations] == [1]
        assert (await there.mark(1, dropped=True))[0] == 409
        assert (await there.mark(1, dropped=True, generation=state.generation))[0] == 200

    visit(output, story)


def test_a_line_that_is_another_one_now_is_not_shown_as_the_old_one(output: Path) -> None:
    content = output.read_bytes()

    async def story(there: Visit) -> None:
        rewrite(output, content.replace(b"number 1 bake", b"number X bake"))
        for shown in (await there.page()).conversations[:1]:  # the file may have been read again by now, or be read
            assert not shown.is_conversation or "number X" in shown.messages[0].content
        await there.until(lambda state: state.generation == 1 and state.is_whole)
        assert "number X" in (await there.page()).conversations[0].messages[0].content

    visit(output, story)


def test_an_output_that_goes_is_told_and_one_that_comes_back_is_read(output: Path) -> None:
    away = output.with_name("away")

    async def story(there: Visit) -> None:
        before = (await there.until(lambda state: True)).options
        rename(output, away)
        await there.until(lambda state: state.options > before)
        assert any("No such file" in note for note in (await there.options()).notes)
        rename(away, output)
        await there.until(lambda state: state.options > before + 1)
        assert (await there.options()).notes == []

    visit(output, story)


def test_without_a_journal_there_are_lines_and_a_note_until_one_comes(output: Path) -> None:
    journal = OutputPaths.of(output).journal
    journal.rename(journal.with_name("away"))

    async def story(there: Visit) -> None:
        shown = (await there.page()).conversations[0]
        assert (shown.index, shown.scenario, shown.model, shown.asks) == (None, {}, None, None)
        assert any("no journal" in note for note in (await there.options()).notes)
        assert len((await there.search("loaf"))[0].conversations) == PAGE_SIZE
        assert (await there.mark(1, dropped=True))[0] == 200
        journal.with_name("away").rename(journal)
        await there.until(lambda state: state.done == LINES)
        assert (await there.page()).conversations[0].index == 0

    visit(output, story)


def test_lines_that_are_none_keep_their_number_and_fit_no_choice(output: Path) -> None:
    lines = output.read_bytes().splitlines(keepends=True)
    output.write_bytes(b"".join([*lines[:2], b"\n", b"{torn\n", *lines[2:], encode_line(plain(500))]))

    async def story(there: Visit) -> None:
        shown = (await there.page()).conversations
        assert [each.is_conversation for each in shown[:5]] == [True, True, False, False, True]
        assert shown[4].index == 2
        assert 3 not in await there.numbers({"mark": "kept"})
        notes = " ".join((await there.options()).notes)
        assert "no conversation: 2" in notes
        assert "does not know: 1" in notes
        assert (await there.mark(3, dropped=True))[0] == 200
        assert not dropped_path(OutputPaths.of(output)).exists()

    visit(output, story)


@at_most(15)  # each draws blocks of scenarios
@given(st.permutations(range(12)), st.integers(0, 12), st.sampled_from([1, 2]))
def test_indices_are_those_of_the_data_set_however_the_lines_are_ordered(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], lost: int, alike: int
) -> None:
    conversations = [plain(number // alike) for number in range(12)]
    output = make_output(tmp_path_factory.mktemp("order") / "out.jsonl", conversations)
    lines = output.read_bytes().splitlines(keepends=True)
    output.write_bytes(b"".join([lines[number] for number in order if number != lost]))
    dataset = Dataset.open(output)
    with read(output) as catalogue:
        records = list(dataset.records())
        assert len(records) == len(catalogue)
        for record in records:
            known = catalogue.store.get(record.number)
            assert known.start == record.offset
            assert catalogue.read(known) == record.conversation
            index = known.index
            assert index is not None
            if alike > 1:  # any of those alike will do
                assert conversations[index] == record.conversation
            else:
                assert index == record.index
            assert catalogue.scenario(known) == dataset.scenario(index)
        assert catalogue.follower.report()[0].done == dataset.lines.count_done()


def test_runs_with_other_dimensions_are_shown_with_their_own(output: Path) -> None:
    other = (
        Dimension("mood", (Group("", ("merry", "sad")),)),
        Dimension("persona", (Group("", ("a monk", "a child")),)),
    )
    header = msgspec.structs.replace(HEADER, num=LINES + 8, dimensions=other, seed=3)
    with OutputPaths.of(output).journal.open("ab") as journal:
        journal.write(encode_entry(header))
    append(output, *[plain(number) for number in range(200, 208)])

    async def story(there: Visit) -> None:
        monks = await there.numbers({"where": {"persona": ["", "a monk"]}})
        assert monks
        assert min(monks) > LINES
        children = await there.numbers({"where": {"persona": ["", "a child"]}})
        assert min(children) <= LINES < max(children)
        assert sorted(await there.numbers({"where": {"mood": [""]}})) == list(range(LINES + 1, LINES + 9))
        last = (await there.page(line=LINES + 8)).conversations[-1]
        assert set(last.scenario) == {"mood", "persona"}

    visit(output, story)


def test_scenarios_of_an_unknown_kind_leave_the_rest_to_be_seen(output: Path) -> None:
    journal = OutputPaths.of(output).journal
    journal.write_bytes(journal.read_bytes().replace(b'"balanced/1"', b'"balanced/9"'))

    async def story(there: Visit) -> None:
        shown = (await there.page()).conversations[0]
        assert (shown.index, shown.scenario) == (0, {})
        assert any("balanced/9" in note for note in (await there.options()).notes)

    visit(output, story)


# ---- marks


def test_a_mark_is_kept_beside_the_output_and_filter_honours_it(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append(output, plain(1))  # the same conversation as line 1
    paths = OutputPaths.of(output)
    before = {path: path.read_bytes() for path in output.parent.iterdir()}

    async def drop(there: Visit) -> None:
        status, body = await there.mark(1, dropped=True)
        assert status == 200
        assert msgspec.json.decode(body, type=ShownConversation).dropped
        await there.mark(3, dropped=True)
        await there.mark(3, dropped=False)
        assert await there.numbers({"mark": "dropped"}) == [1, LINES + 1]
        assert (await there.until(lambda state: state.dropped == 2)).dropped == 2
        assert len(await there.numbers({"mark": "kept"})) == LINES - 1

    visit(output, drop)
    visit(output, lambda there: _dropped_are(there, [1, LINES + 1]))
    assert stat.S_IMODE(dropped_path(paths).stat().st_mode) == 0o600
    assert len(dropped_path(paths).read_bytes().splitlines()) == 3
    assert {path: path.read_bytes() for path in before} == before

    clean = output.with_name("clean.jsonl")
    assert main(["filter", str(output), "-o", str(clean), "--keep-order"]) == 0
    assert clean.read_bytes().splitlines() == output.read_bytes().splitlines()[1:-1]
    assert "marked as dropped" in capsys.readouterr().out


def test_a_person_answers_a_judges_questions_and_the_judge_is_measured_by_it(
    output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conversation = next(Dataset.open(output).records()).conversation
    judged = Judgement((), {"grounded": Answer(holds=False, evidence="Hello"), "natural": Answer(holds=True)})
    grade = Grade(digest_conversation(conversation, GRADE_HASH).hex(), "judge", judged)
    paths = grades_paths(OutputPaths.of(output))
    paths.output.write_bytes(encode_document(grade))
    paths.journal.write_bytes(encode_entry(msgspec.structs.replace(HEADER, recipe="persona")))

    async def answer(there: Visit) -> None:
        assert (await there.options()).asked["natural"].startswith("Would a person who does not know the answers yet")
        first, second, *_ = (await there.page()).conversations
        assert first.questions == {"grounded": None, "natural": None}
        assert second.questions == {}
        assert [each.line for each in (await there.page(choice={"judge": "judged"})).conversations] == [1]
        assert not (await there.page(choice={"judge": "judged"}, words="nobody says this")).conversations
        said = {"line": 1, "generation": 0, "question": "grounded", "holds": True}
        status, body = await there.post("labels", **said)
        assert status == 200
        assert msgspec.json.decode(body, type=ShownConversation).questions == {"grounded": True, "natural": None}
        assert (await there.post("labels", **{**said, "generation": 7}))[0] == 409
        assert (await there.post("labels", **{**said, "holds": "yes"}))[0] == 400
        async with there.client.post(there.root / "labels", data=msgspec.json.encode(said)) as response:
            assert response.status == 403, "the page has a token, and others have none"

    visit(output, answer)
    assert len(labels_path(OutputPaths.of(output)).read_bytes().splitlines()) == 1
    capsys.readouterr()
    assert main(["judge", str(output), "--agreement"]) == 0
    assert "grounded 1 0.0 % 0.00 -" in " ".join(capsys.readouterr().out.split())


async def _dropped_are(there: Visit, lines: list[int]) -> None:
    assert await there.numbers({"mark": "dropped"}) == lines


def test_all_that_fit_are_dropped_at_once_and_one_undo_restores_what_was(output: Path) -> None:
    paths = OutputPaths.of(output)

    async def story(there: Visit) -> None:
        bread = await there.numbers({"where": {"topic": ["bread"]}})
        await there.mark(bread[0], dropped=True)
        marked = await there.mark_all({"where": {"topic": ["bread"]}}, len(bread))
        assert marked.changed == len(bread) - 1
        assert await there.numbers({"mark": "dropped"}) == bread
        assert (await there.post("marks/undo", undo=marked.undo))[0] == 200
        assert await there.numbers({"mark": "dropped"}) == bread[:1]
        status, body = await there.post("marks/undo", undo=marked.undo)
        assert status == 409
        assert b"cannot be undone" in body
        everything = await there.mark_all({"mark": "dropped"}, 1, dropped=False)
        assert everything.changed == 1
        assert read_dropped(paths) == set()

    visit(output, story)


def test_no_more_are_dropped_than_the_page_has_counted(output: Path) -> None:
    async def story(there: Visit) -> None:
        assert (await there.mark_all({}, 3, words="LOAF bakes")).changed == 3
        assert await there.numbers({"mark": "dropped"}) == [1, 2, 3]
        assert (await there.mark_all({"lines": [9, 30]}, 10**9)).changed == 2
        assert (await there.mark_all({"mark": "kept"}, -1)).changed == 0

    visit(output, story)


def test_many_are_dropped_and_kept_again(tmp_path: Path) -> None:
    lines = 3000
    output = tmp_path / "out.jsonl"
    output.write_bytes(b"".join(encode_line(plain(number)) for number in range(lines)))

    async def story(there: Visit) -> None:
        marked = await there.mark_all({}, lines, words="loaf")
        assert marked.changed == lines
        assert (await there.until(lambda state: state.dropped == lines)).lines == lines
        await there.post("marks/undo", undo=marked.undo)
        await there.until(lambda state: state.dropped == 0)

    visit(output, story)


def test_all_are_not_dropped_of_a_file_that_has_changed_or_without_the_token(output: Path) -> None:
    async def story(there: Visit) -> None:
        body = {"choice": {}, "words": "", "total": 5, "generation": 7, "dropped": True}
        assert (await there.post("marks/all", **body))[0] == 409
        for path in ("marks/all", "marks/undo"):
            async with there.client.post(there.root / path, data=msgspec.json.encode(body)) as response:
                assert response.status == 403
        assert not dropped_path(OutputPaths.of(output)).exists()

    visit(output, story)


def test_marks_made_elsewhere_are_seen(output: Path) -> None:
    paths = OutputPaths.of(output)

    async def story(there: Visit) -> None:
        append_mark(paths, digest_conversation(plain(7)), is_dropped=True)
        await there.until(lambda state: state.dropped == 1)
        assert await there.numbers({"mark": "dropped"}) == [7]
        dropped_path(paths).unlink()
        await there.until(lambda state: state.dropped == 0)

    visit(output, story)


def test_marks_that_cannot_be_read_are_told_and_left_alone(output: Path) -> None:
    path = dropped_path(OutputPaths.of(output))

    async def story(there: Visit) -> None:
        before = (await there.until(lambda state: True)).options
        path.write_bytes(b"what is this\n")
        await there.until(lambda state: state.options > before)
        async with there.client.get(there.root / "events") as events:
            for _ in range(12):  # some looks later it is still told, until it is mended
                await events.content.readline()
        assert any("line 1 marks no conversation" in note for note in (await there.options()).notes)
        path.unlink()
        await there.until(lambda state: state.options > before + 1)
        assert (await there.options()).notes == []
        path.write_bytes(b"what is this\n")

    visit(output, story)
    assert path.read_bytes() == b"what is this\n"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"line": "1", "generation": 0, "dropped": true}', b"[" * 3000])
def test_a_mark_that_makes_no_sense_is_refused(output: Path, body: bytes) -> None:
    async def story(there: Visit) -> None:
        headers = {"X-Token": there.viewer.token}
        async with there.client.post(there.root / "marks", data=body, headers=headers) as response:
            assert response.status == 400

    visit(output, story)


@pytest.mark.parametrize("line", [0, -1, LINES + 1])
def test_a_mark_of_no_line_is_refused(output: Path, line: int) -> None:
    async def story(there: Visit) -> None:
        assert (await there.mark(line, dropped=True))[0] == 409

    visit(output, story)


def test_a_mark_that_cannot_be_written_is_told(output: Path) -> None:
    async def story(there: Visit) -> None:
        dropped_path(OutputPaths.of(output)).mkdir()
        status, body = await there.mark(1, dropped=True)
        assert status == 500
        assert b"out.jsonl.dropped" in body

    visit(output, story)


def test_a_torn_mark_is_cut_before_the_next_one(output: Path) -> None:
    paths = OutputPaths.of(output)
    first, second = digest_conversation(plain(1)), digest_conversation(plain(2))
    append_mark(paths, first, is_dropped=True)
    whole = dropped_path(paths).read_bytes()
    dropped_path(paths).write_bytes(whole + whole[:20])
    append_mark(paths, second, is_dropped=True)
    assert read_dropped(paths) == {first, second}
    assert torn_path(dropped_path(paths)).read_bytes() == whole[:20] + b"\n", "somebody may have begun to write it"


def test_a_mark_for_which_there_is_no_room_leaves_nothing_behind(output: Path) -> None:
    paths = OutputPaths.of(output)
    append_mark(paths, digest_conversation(plain(1)), is_dropped=True)
    whole = dropped_path(paths).read_bytes()
    with file_size_limit(len(whole) + 20), pytest.raises(OutputError, match="cannot be written"):
        append_mark(paths, digest_conversation(plain(2)), is_dropped=True)
    assert dropped_path(paths).read_bytes() == whole


# ---- size


@contextmanager
def read(output: Path) -> Iterator[Catalogue]:
    with closing(Catalogue(OutputPaths.of(output))) as catalogue:
        while catalogue.advance():
            pass
        yield catalogue


def test_a_line_of_the_built_in_recipe_takes_at_most_210_bytes_of_a_file(tmp_path: Path) -> None:
    lines = 3000
    output = make_output(
        tmp_path / "out.jsonl",
        [plain(number) for number in range(lines)],
        dimensions=load_recipe("nanochat").dimensions,
    )
    with read(output) as catalogue:
        pages = catalogue.store._database.execute("PRAGMA page_count").fetchone()[0]
    assert 4096 * pages <= 210 * lines


def test_a_database_for_which_there_is_no_room_is_told_and_made_anew(output: Path) -> None:
    async def story(there: Visit) -> None:
        before = (await there.until(lambda state: True)).options
        catalogue = there.viewer._catalogue
        catalogue.store._database.execute("PRAGMA max_page_count = 1")
        append(output, *[plain(number) for number in range(100, 1100)])
        await there.until(lambda state: state.options > before)
        assert any("TMPDIR names a folder" in note for note in (await there.options()).notes)
        state = await there.until(lambda state: state.generation > 0 and state.is_whole)
        assert state.lines == LINES + 1000
        assert await there.numbers({"lines": [1, LINES + 1000]}) == [1, LINES + 1000]

    ask_for(output, LINES + 1000)
    visit(output, story)


def test_a_slice_ends_with_its_time_and_the_next_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_bytes(encode_line(plain(1)) * 2000)
    ticks = iter(range(10**6))
    read_so_far = []
    with closing(Catalogue(OutputPaths.of(output), clock=lambda: float(next(ticks)))) as catalogue:
        while catalogue.advance():
            read_so_far.append(len(catalogue))
        assert len(catalogue) == 2000
    assert read_so_far == sorted(set(read_so_far))
    assert 0 < read_so_far[0] < 1000


# ---- the process


@contextmanager
def started(output: Path, *flags: str) -> Iterator[SimpleNamespace]:
    command = [sys.executable, "-m", "asyncgen", "view", str(output), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield SimpleNamespace(process=process, address=process.stdout.readline().strip())
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_well_also_with_a_page_open(output: Path, number: signal.Signals) -> None:
    audit(output)
    before = Snapshot.of(output.parent)
    with started(output) as viewer:
        assert viewer.address.startswith("http://127.0.0.1:")
        with urlopen(f"{viewer.address}events") as stream:
            assert stream.readline().startswith(b"data: ")
            viewer.process.send_signal(number)
            assert viewer.process.wait(20) == 0
        assert viewer.process.stderr.read() == ""
    assert Snapshot.of(output.parent) == before


def test_only_loopback_is_listened_to(output: Path) -> None:
    with started(output) as viewer:
        port = int(viewer.address.split(":")[2].split("/")[0])
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"http://127.0.0.1:{port}/")
        with pytest.raises(OSError, match=r"refused|timed out|assign"):
            socket.create_connection(("127.0.0.2", port), timeout=2)


def test_a_port_in_use_is_one_sentence(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["view", str(output), "--port", str(port)]) == 2
    assert f"--port: cannot listen on 127.0.0.1:{port}: address already in use" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["missing", "folder"])
def test_an_output_that_is_none_is_one_sentence(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "nothing.jsonl"
    if kind == "folder":
        output.mkdir()
    with contextlib.suppress(SystemExit):
        assert main(["view", str(output)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_marks_that_cannot_be_read_refuse_to_begin(output: Path) -> None:
    dropped_path(OutputPaths.of(output)).write_bytes(b"what is this\n")
    catalogue = Catalogue(OutputPaths.of(output))
    with closing(catalogue), pytest.raises(ConfigError, match="line 1 marks no conversation"):
        catalogue.advance()


# ---- whatever is asked

_PIECES = (
    "",
    "lines",
    "marks/all",
    "marks/undo",
    "labels",
    "options",
    "marks",
    "view.js",
    "%00",
    "%ff",
    "..",
    "a" * 3000,
    "\xe9",
    "/",
    "%zz",
)
_QUERIES = ("line", "start", "choice", "words", "total", "x")
_GIVEN = (
    *(
        "",
        "0",
        "1",
        "-1",
        "9" * 18,
        "9" * 400,
        "%00",
        "%ff",
        "%ed%a0%80",
        "1-1",
        "-",
        "f" * 400 + "-0",
        "0-" + "f" * 400,
    ),
    *('{"where":{"topic":[]}}', '{"where":{"topic":["a","b","c"]}}', '{"where":{"no":["x"]}}', '{"finding":"no"}'),
    *(
        '{"lines":[1,-1,99999999999999999999]}',
        '{"lines":[2]}',
        "[" * 3000,
        '{"mark":"x"}',
        '{"model":"\\ud800"}',
        "word",
        "%20",
        "a" * 2000,
        "null",
        "NaN",
    ),
)
_QUERY = st.lists(st.tuples(st.sampled_from(_QUERIES), st.sampled_from(_GIVEN)), max_size=4)
_REQUESTS = st.tuples(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "X"]),
    st.sampled_from(_PIECES),
    _QUERY,
    st.sampled_from([None, b"", b"\xff\xfe", "\u00e9".encode(), b"a" * 3000]),
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b'{"line":1,"generation":0,"dropped":1}',
                b'{"choice":{"lines":[1]},"words":"","total":9,"generation":0,"dropped":true}',
                b'{"choice":{},"words":"loaf","total":-1,"generation":0,"dropped":false}',
                b'{"undo":""}',
                b"[" * 3000,
            ]
        ),
    ),
)


@given(st.lists(_REQUESTS, min_size=1, max_size=20))
def test_no_request_makes_the_server_fail(
    tmp_path_factory: pytest.TempPathFactory,
    requests: list[tuple[str, str, list[tuple[str, str]], bytes | None, bytes]],
) -> None:
    output = make_output(tmp_path_factory.mktemp("asked") / "x.jsonl", [plain(number) for number in range(3)])

    async def story(there: Visit) -> None:
        for method, piece, query, token, body in requests:
            host, port = there.client.host, there.client.port
            path = f"{there.root.path}{piece}?{'&'.join(f'{name}={given}' for name, given in query)}".replace(" ", "+")
            lines = [f"{method} {path} HTTP/1.1".encode("latin-1"), f"Host: {host}:{port}".encode()]
            lines.append(b"X-Token: " + (there.viewer.token.encode() if token is None else token))
            lines += [b"Connection: close", b"Content-Length: %d" % len(body), b"", body]
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"\r\n".join(lines))
            answer = await reader.read()
            writer.close()
            assert not answer.startswith(b"HTTP/1.1 5"), (method, path, token, body)
        assert (await there.get("options"))[0] == 200

    visit(output, story)
