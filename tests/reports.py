"""What the tests of report and browser look at: a small output with scenarios, findings and conversations that bite."""

from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import msgspec
from outputs import HEADER, make_run

from asyncgen.audit.audit import audit_dataset
from asyncgen.conversation import Conversation, Message, digest_conversation, encode_line
from asyncgen.data.dataset import Dataset
from asyncgen.output.files import Record
from asyncgen.output.journal import Done, encode_entry
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.report.report import write_report

BITE = "document.title = 'bitten'"
BITES = (
    f"<script>{BITE}</script>",
    f"</script><script>{BITE}</script>",
    f"<!-- <script> {BITE}",
    f']]><svg onload="{BITE}"><img src=x onerror="{BITE}">',
    f"</style></title></textarea></noscript><iframe srcdoc='<script>{BITE}</script>'>",
    f"javascript:{BITE}//&lt;script&gt;&amp;",
    "one\u2028two\u2029three\u0085four\u202eback\u202c \u200bzero\u2066isolate",
    "$title ${policy} $$ {braces} %s \\u003c",
)
DIMENSIONS = (
    Dimension(
        "topic", (Group("bread", ("rye", "wheat")), Group("cake", ("<b>sponge</b>", "\u202efruit"))), grouped=True
    ),
    Dimension("persona", (Group("", ("a baker", "a child", "a critic")),)),
    Dimension("dynamic", (Group("", ("short (2 messages)", "long (4 messages)")),)),
)


VOID = frozenset({"meta", "br", "input", "img", "link", "hr"})


class Page(HTMLParser):
    """Elements as a parser sees them: tags, attributes, and the raw text of scripts and styles."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"script", "style"}:
            self.raw.append((self._open[-1], data))


def talk(*contents: str) -> Conversation:
    return tuple(Message("assistant" if position % 2 else "user", content) for position, content in enumerate(contents))


def plain(number: int) -> Conversation:
    return talk(
        f"How long does loaf number {number} bake?", f"Loaf {number} bakes until its crust is {number * 7} brown."
    )


def biting() -> list[Conversation]:
    return [talk(f"What is this? {bite}", f"It is {bite}, I think.") for bite in BITES]


def make_output(
    output: Path,
    conversations: Sequence[Conversation],
    *,
    others: Sequence[Record] = (),
    dimensions: Sequence[Dimension] = DIMENSIONS,
) -> Path:
    """One line for each conversation; `others` are further records of indices behind them."""
    num = len(conversations) + len(others)
    header = msgspec.structs.replace(HEADER, num=num, dimensions=tuple(dimensions))
    records = [
        Record(
            encode_entry(
                Done(
                    index=index,
                    digest=digest_conversation(each).hex(),
                    time=f"2026-01-01T00:00:{index % 60:02}Z",
                    seconds=1.5,
                    in_flight=8,
                )
            ),
            encode_line(each),
        )
        for index, each in enumerate(conversations)
    ]
    make_run(OutputPaths.of(output), [[*records, *others]], header)
    return output


def make_report(output: Path, *, sample: int = 500) -> Path:
    dataset = Dataset.open(output)
    page = output.with_suffix(".html")
    write_report(audit_dataset(dataset), dataset, page, sample=sample)
    return page
