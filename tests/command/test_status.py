import json
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from sweep import sweep

from asyncgen.command.main import main
from asyncgen.conversation import Message, digest_conversation, encode_line
from asyncgen.output.files import Files, Record
from asyncgen.output.journal import Done, Entry, Failed, Header, Kept, Lost, Unused, encode_entry
from asyncgen.output.lock import locked
from asyncgen.output.paths import OutputPaths

KEYS = [
    "num",
    "done",
    "failed",
    "failed_by_reason",
    "pending",
    "calls",
    "prompt_tokens",
    "cached_tokens",
    "completion_tokens",
    "tiers",
    "cost_usd",
    "batches",
    "runs",
]


def header(num: int = 10, *, started: str = "2026-01-01T00:00:00Z", model: object = "some/model") -> Header:
    return Header(
        version=1,
        asyncgen="1.0",
        started=started,
        num=num,
        provider="openrouter",
        base_url="https://openrouter.ai/api/v1",
        recipe="nanochat",
        dimensions=(),
        sampling="balanced/1",
        seed=None,
        request={"model": model},
        line_format="arrays of messages",
        digests={},
    )


def conversation(index: int) -> tuple[Message, ...]:
    return Message("user", f"Question {index}?"), Message("assistant", "An answer.")


def line(index: int) -> bytes:
    return encode_line(conversation(index))


def digest(index: int) -> str:
    return digest_conversation(conversation(index)).hex()


def done(index: int, *, cost: str | None = None) -> Done:
    return Done(
        index=index,
        digest=digest(index),
        prompt_tokens=1000,
        cached_tokens=900,
        completion_tokens=50,
        cost=None if cost is None else Decimal(cost),
    )


def made(index: int, *, cost: str | None = None) -> Record:
    return Record(encode_entry(done(index, cost=cost)), line(index))


def noted(*entries: Entry) -> Record:
    return Record(b"".join(encode_entry(entry) for entry in entries))


def write_run(output: Path, first: Header, records: Sequence[Record]) -> OutputPaths:
    """What a run that ended in order leaves; called again, what a further one adds."""
    paths = OutputPaths.of(output)
    with paths.journal.open("ab") as journal:
        journal.write(encode_entry(first))
    with closing(Files(paths)) as files:
        for record in records:
            files.append_batch([record])
        files.append_mark()
    return paths


class Shown:
    """The command on one output, with what it printed."""

    def __init__(self, output: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.output = output
        self._capsys = capsys

    def json_text(self) -> str:
        assert main(["status", "--json", str(self.output)]) == 0
        return self._capsys.readouterr().out

    def json(self) -> dict[str, object]:
        report: dict[str, object] = json.loads(self.json_text(), parse_float=Decimal)
        return report

    def text(self) -> str:
        assert main(["status", str(self.output)]) == 0
        captured = self._capsys.readouterr()
        assert captured.err == ""
        return captured.out

    def refusal(self) -> str:
        assert main(["status", str(self.output)]) == 2
        captured = self._capsys.readouterr()
        assert captured.out == ""
        return captured.err


@pytest.fixture
def shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shown:
    return Shown(tmp_path / "x.jsonl", capsys)


def counts(report: dict[str, object]) -> tuple[object, object, object]:
    return report["done"], report["failed"], report["pending"]


def test_the_json_has_exactly_these_keys_in_this_order(shown: Shown) -> None:
    write_run(
        shown.output,
        header(),
        [
            made(0, cost="0.001"),
            noted(Unused(index=1, reason="not-json", prompt_tokens=1000, completion_tokens=7, cost=Decimal("0.002"))),
            made(1, cost="0.0003"),
            noted(Failed(index=2, reason="content-filtered", status=403)),
            noted(Failed(index=3, reason="connection"), Lost(index=3, reason="connection")),
        ],
    )
    report = shown.json()
    assert list(report) == KEYS
    assert report == {
        "num": 10,
        "done": 2,
        "failed": 2,
        "failed_by_reason": {"content-filtered": 1, "connection": 1},
        "pending": 6,
        "calls": 4,
        "prompt_tokens": 3000,
        "cached_tokens": 1800,
        "completion_tokens": 107,
        "tiers": {},
        "cost_usd": Decimal("0.0033"),
        "batches": [],
        "runs": [
            {
                "started": "2026-01-01T00:00:00Z",
                "num": 10,
                "provider": "openrouter",
                "base_url": "https://openrouter.ai/api/v1",
                "model": "some/model",
                "seed": None,
                "recipe": "nanochat",
            }
        ],
    }


def test_the_json_is_one_line(shown: Shown) -> None:
    write_run(shown.output, header(), [made(0)])
    text = shown.json_text()
    assert text.endswith("}\n")
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("costs", "digits"),
    [
        (["0.1", "0.2"], "0.3"),
        (["0.0000001", "0.0000002"], "0.0000003"),
        (["0.00012345678901234567"], "0.00012345678901234567"),
        (["1E-9"], "0.000000001"),
        (["12", "30"], "42"),
        (["0"], "0"),
    ],
)
def test_a_cost_is_an_exact_decimal_without_exponent(shown: Shown, costs: list[str], digits: str) -> None:
    write_run(shown.output, header(), [made(index, cost=cost) for index, cost in enumerate(costs)])
    assert f'"cost_usd":{digits},' in shown.json_text()
    assert f"${digits}\n" in shown.text().replace(" ", "")


def test_an_unknown_cost_is_null(shown: Shown) -> None:
    write_run(shown.output, header(), [made(0)])
    assert shown.json()["cost_usd"] is None
    assert "unknown" in shown.text()


def test_num_is_that_of_the_newest_run_and_what_lies_above_it_stays_out(shown: Shown) -> None:
    write_run(shown.output, header(10), [made(0), made(7), noted(Failed(index=8, reason="connection"))])
    write_run(shown.output, header(3, started="2026-01-02T00:00:00Z"), [made(1)])
    report = shown.json()
    assert report["num"] == 3
    assert counts(report) == (2, 0, 1)
    assert report["calls"] == 3
    runs = report["runs"]
    assert isinstance(runs, list)
    assert [run["started"] for run in runs] == ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]


def test_an_index_that_failed_and_was_made_later_is_done(shown: Shown) -> None:
    write_run(shown.output, header(), [noted(Failed(index=0, reason="connection")), made(0)])
    report = shown.json()
    assert counts(report) == (1, 0, 9)
    assert report["failed_by_reason"] == {}


def test_a_done_index_whose_line_was_deleted_is_pending(shown: Shown) -> None:
    write_run(shown.output, header(), [made(0), made(1), made(2)])
    shown.output.write_bytes(line(2) + line(0))
    assert counts(shown.json()) == (2, 0, 8)
    assert "1, made but not in the output" in shown.text()


def test_a_done_index_whose_line_was_deleted_and_which_then_failed_is_failed(shown: Shown) -> None:
    write_run(shown.output, header(), [made(0)])
    shown.output.write_bytes(b"")
    write_run(shown.output, header(), [noted(Failed(index=0, reason="request-rejected"))])
    assert counts(shown.json()) == (0, 1, 9)


def test_without_an_output_everything_is_pending(shown: Shown) -> None:
    write_run(shown.output, header(), [made(0)])
    shown.output.unlink()
    assert counts(shown.json()) == (0, 0, 10)


def test_a_header_alone_is_a_report(shown: Shown) -> None:
    OutputPaths.of(shown.output).journal.write_bytes(encode_entry(header()))
    assert counts(shown.json()) == (0, 0, 10)
    assert "0 of 10" in shown.text()


@pytest.mark.parametrize("cut", [0, 1, 100])
def test_a_journal_without_a_whole_header_is_a_report_without_runs(shown: Shown, cut: int) -> None:
    OutputPaths.of(shown.output).journal.write_bytes(encode_entry(header())[:cut])
    report = shown.json()
    assert (report["num"], report["runs"]) == (0, [])
    assert "0 of 0" in shown.text()


def test_a_journal_cut_at_any_byte_of_its_tail_counts_what_is_whole(shown: Shown) -> None:
    paths = write_run(shown.output, header(), [made(0)])
    before = paths.journal.stat().st_size
    with closing(Files(paths)) as files:
        files.append_batch([made(1)])
    whole = paths.journal.read_bytes()
    for size in map(before.__add__, sweep(len(whole) - before)):
        paths.journal.write_bytes(whole[:size])
        assert counts(shown.json()) == (1, 0, 9)
    paths.journal.write_bytes(whole)
    assert counts(shown.json()) == (2, 0, 8)


def test_an_output_cut_at_any_byte_of_its_tail_counts_what_is_whole(shown: Shown) -> None:
    paths = write_run(shown.output, header(), [made(0)])
    with closing(Files(paths)) as files:
        files.append_batch([made(1)])
    for size in sweep(len(line(1)) - 1):
        paths.output.write_bytes(line(0) + line(1)[:size])
        assert counts(shown.json()) == (1, 0, 9)


def test_nothing_is_written_and_no_lock_is_taken(shown: Shown) -> None:
    paths = write_run(shown.output, header(), [made(0)])
    with paths.journal.open("ab") as journal:
        journal.write(b'{"type":"done","ind')
    with paths.output.open("ab") as output:
        output.write(b'[{"role"')
    before = {path: path.read_bytes() for path in shown.output.parent.iterdir()}
    shown.text()
    shown.json()
    assert {path: path.read_bytes() for path in shown.output.parent.iterdir()} == before


def test_a_missing_journal_is_one_sentence_and_exit_status_2(shown: Shown) -> None:
    shown.output.write_bytes(line(0))
    assert shown.refusal() == (
        f"asyncgen: {shown.output}.journal: No such file or directory; status reads the journal beside an output\n"
    )


def test_a_journal_damaged_before_its_newest_mark_is_exit_status_2(shown: Shown) -> None:
    paths = write_run(shown.output, header(), [made(0), made(1)])
    whole = paths.journal.read_bytes()
    paths.journal.write_bytes(whole.replace(b'"done"', b'"dome"', 1))
    assert "line 3" in shown.refusal()


def test_the_tables_tell_everything_there_is(shown: Shown) -> None:
    write_run(
        shown.output,
        header(2000),
        [
            Record(encode_entry(Kept(digest=digest(99))), line(99)),
            made(0, cost="0.25"),
            noted(
                Failed(index=2, reason="content-filtered"),
                Failed(index=3, reason="content-filtered"),
                Failed(index=4, reason="connection"),
                Lost(index=4, reason="connection"),
                Unused(index=5, reason="not-json"),
            ),
        ],
    )
    with shown.output.open("ab") as output:
        output.write(line(1234))
    words = " ".join(shown.text().split())
    for told in (
        "done 1 of 2,000",
        "failed 3: 2 content-filtered, 1 connection",
        "pending 1,996",
        "kept 1, lines not made here",
        "unknown 1, not known to the journal: line 3",
        "calls 2",
        "tokens 1,000 in (90.0% cached), 50 out",
        "cost at least $0.25: that of 1 call is unknown",
        "rejected 1: 1 not-json",
        "lost 1, calls without an answer, perhaps billed",
        "2026-01-01T00:00:00Z 2,000 openrouter some/model",
    ):
        assert told in words


HOSTILE = "\x1b[2J\x9b31m\u202e[red]m[/red][/]"


def test_what_the_files_say_moves_no_cursor_and_is_no_markup(shown: Shown) -> None:
    records = [noted(Failed(index=0, reason=HOSTILE), Unused(index=1, reason=HOSTILE))]
    write_run(shown.output, header(model=HOSTILE), records)
    text = shown.text()
    assert all(character.isprintable() or character == "\n" for character in text)
    assert text.count("?[2J?31m?[red]m[/red][/]") == 3


def test_the_json_is_ascii_whatever_the_files_say(shown: Shown) -> None:
    model = f"{HOSTILE}\x7f é \U0001f600"
    write_run(shown.output, header(model=model), [made(0)])
    text = shown.json_text()
    assert text.isascii()
    assert text.rstrip("\n").isprintable()
    assert json.loads(text)["runs"][0]["model"] == model


def test_a_model_that_is_no_text_is_null(shown: Shown) -> None:
    write_run(shown.output, header(model=["a", "b"]), [made(0)])
    runs = shown.json()["runs"]
    assert isinstance(runs, list)
    assert runs[0]["model"] is None


def test_offline_quotations_are_free_and_by_no_model(shown: Shown) -> None:
    write_run(
        shown.output,
        msgspec.structs.replace(header(), provider="offline", base_url=""),
        [made(0), noted(Lost(index=1, reason="cancelled"))],
    )
    assert "cost     free" in shown.text()
    assert "billed" not in shown.text()
    assert "some/model" not in shown.text()
    report = shown.json()
    assert report["cost_usd"] is None
    assert [run["model"] for run in report["runs"]] == ["offline"]  # type: ignore[attr-defined]


def test_it_is_told_whether_a_run_is_under_way(shown: Shown) -> None:
    paths = write_run(shown.output, header(), [made(0)])
    with locked(paths):
        left = paths.lock.read_bytes()
        assert "run      under way" in shown.text()
    paths.lock.write_bytes(left)  # as one that is killed leaves it
    assert "run      none under way" in shown.text()
