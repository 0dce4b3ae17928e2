"""The report as a file: what its policy allows, what its sample holds, how large it may grow, what its words say."""

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outputs import HEADER, failed, rejected
from quick import each_row
from reports import BITES, Page, biting, make_output, make_report, plain, talk

from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.results import Audit, Moment, PairCoverage
from asyncgen.data.dataset import Dataset
from asyncgen.errors import OutputError
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.report.blocks import Figure
from asyncgen.report.charts import LineChart
from asyncgen.report.formatting import share
from asyncgen.report.report import write_report
from asyncgen.report.sample import (
    ALLOWANCE,
    Found,
    Sample,
    SampledConversation,
    SampledMessage,
    choose_lines,
    draw_sample,
    encode_sample,
)
from asyncgen.report.sections import make_sections
from asyncgen.report.verdict import judge


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    output = make_output(tmp_path_factory.mktemp("biting") / "out.jsonl", [*biting(), *map(plain, range(20))])
    return make_report(output).read_text()


def read_sample(source: str) -> Sample:
    found = re.search(r'<script type="application/json" id="sample">(.*?)</script>', source, re.DOTALL)
    assert found is not None
    return msgspec.json.decode(found[1], type=Sample)


def test_elements_are_closed_and_none_comes_from_a_conversation(source: str) -> None:
    page = Page(source)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 2
    assert tags.count("style") == 1
    assert not {"img", "iframe", "link", "base", "object", "embed"} & set(tags)
    names = {name for _, attributes in page.tags for name in attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]


def test_the_policy_allows_this_style_and_script_and_nothing_else(source: str) -> None:
    page = Page(source)
    policy = next(attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes)
    assert policy is not None
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["base-uri"] == directives["form-action"] == "'none'"
    style = "".join(raw for tag, raw in page.raw if tag == "style")
    script = page.raw[-1][1]
    assert directives["style-src"] == f"'{digest(style)}'"
    assert directives["script-src"] == f"'{digest(script)}'"


def digest(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def test_nothing_in_it_leads_to_the_network(source: str) -> None:
    addresses = [
        value
        for _, attributes in Page(source).tags
        for name, value in attributes.items()
        if name in {"href", "src", "srcset", "action", "poster", "data"}
    ]
    assert addresses
    assert all(value is not None and value.startswith("#") for value in addresses)
    style = next(raw for tag, raw in Page(source).raw if tag == "style")
    assert "url(" not in style
    assert "@import" not in style


def test_links_lead_to_sections_and_sampled_lines(source: str) -> None:
    page = Page(source)
    keys = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    keys |= {f"line-{each.line}" for each in read_sample(source).conversations}
    targets = {(attributes["href"] or "")[1:] for tag, attributes in page.tags if tag == "a"}
    assert targets <= keys


def test_the_sample_holds_every_conversation_of_a_small_file_as_it_is(source: str) -> None:
    contents = [[message.content for message in each.messages] for each in read_sample(source).conversations]
    assert contents == [[message.content for message in each] for each in [*biting(), *map(plain, range(20))]]


texts = st.text() | st.sampled_from(BITES)


@given(texts, texts)
def test_no_conversation_ends_the_script_element_it_stands_in(role: str, content: str) -> None:
    messages = [SampledMessage(role, content)]
    sample = Sample(
        dimensions=[],
        rules=[],
        conversations=[SampledConversation(line=1, scenario=[], findings=[], messages=messages)],
    )
    encoded = encode_sample(sample)
    assert not set("<>&\u2028\u2029\n") & set(encoded)
    assert msgspec.json.decode(encoded, type=Sample) == sample


def test_a_huge_message_is_cut_and_the_rest_is_counted(tmp_path: Path) -> None:
    conversations = [talk("Say all.", "more " * 60_000, "And?", "y"), *map(plain, range(19))]
    sample = read_sample(make_report(make_output(tmp_path / "out.jsonl", conversations)).read_text())
    cut = sample.conversations[0].messages[1]
    assert ALLOWANCE // 20 - 100 < len(cut.content) < ALLOWANCE // 20
    assert len(cut.content) + cut.cut == 300_000
    assert sample.conversations[0].omitted == 2
    assert all(not each.omitted for each in sample.conversations[1:])


def test_a_large_file_of_huge_messages_gives_a_small_sample(tmp_path: Path) -> None:
    conversations = [talk(f"{number} tell me", f"{number} " + "<&é " * 25_000) for number in range(90)]
    sample = draw_sample(Dataset.open(make_output(tmp_path / "out.jsonl", conversations)), {}, 60)
    assert len(sample.conversations) == 60
    assert sum(len(message.content) for each in sample.conversations for message in each.messages) < ALLOWANCE


@given(
    st.integers(0, 2000),
    st.integers(0, 300),
    st.lists(st.lists(st.integers(1, 2000), max_size=20).map(sorted), max_size=17),
)
def test_chosen_lines_are_in_the_file_and_as_many_as_asked_for(
    lines: int, size: int, examples: Sequence[Sequence[int]]
) -> None:
    found = {str(number): Found("note", each, each) for number, each in enumerate(examples)}
    chosen = choose_lines(found, lines=lines, size=size)
    assert len(chosen) == min(lines, size)
    assert chosen <= set(range(1, lines + 1))


def test_examples_of_rare_findings_are_chosen_before_more_of_common_ones() -> None:
    found = {
        "common": Found("note", range(1, 1001), range(1, 21)),
        "rare": Found("error", [500_000], [500_000]),
    }
    chosen = choose_lines(found, lines=1_000_000, size=10)
    assert {1, 2, 500_000} <= chosen
    assert len([line for line in chosen if line > 20]) >= 5


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    output = make_output(tmp_path / "out.jsonl", [plain(1)])
    dataset = Dataset.open(output)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(audit_dataset(dataset), dataset, tmp_path / "folder")
    assert sorted(tmp_path.glob(".*")) == []


def test_an_output_without_a_journal_or_a_line_has_a_report_too(tmp_path: Path) -> None:
    for content in (b"", b'[{"role":"user","content":"hi"}]\n', b"\n\nnot json\n"):
        output = tmp_path / "out.jsonl"
        output.write_bytes(content)
        Page(make_report(output).read_text())


def test_failures_and_money_of_unknown_calls_are_told(tmp_path: Path) -> None:
    others = [failed(3), rejected(4)]
    source = make_report(make_output(tmp_path / "out.jsonl", [plain(1), plain(2), plain(3)], others=others)).read_text()
    assert "Indices that failed" in source
    assert "request-rejected" in source
    assert "not-json" in source
    assert "<dd>at least $0.0010<small>that of 3 calls is unknown</small></dd>" in source


def test_quotations_of_the_offline_engine_are_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.HEADER", msgspec.structs.replace(HEADER, provider="offline"))
    output = make_output(tmp_path / "out.jsonl", [plain(1), plain(2)])
    assert "<dd>free<small>the offline engine answered</small></dd>" in make_report(output).read_text()


def test_thousands_of_values_leave_a_report_small(tmp_path: Path) -> None:
    values = tuple(f"value {number} " + "which is explained at length, " * 5 for number in range(3_000))
    dimensions = [Dimension("many", (Group("", values),)), Dimension("more", (Group("", values[:900]),))]
    page = make_report(make_output(tmp_path / "out.jsonl", [plain(1), plain(2)], dimensions=dimensions))
    Page(page.read_text())
    assert page.stat().st_size < 2_000_000


# ---- words


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    output = make_output(tmp_path_factory.mktemp("plain") / "out.jsonl", list(map(plain, range(24))))
    return audit_dataset(Dataset.open(output))


def with_rules(audit: Audit, **counts: int) -> Audit:
    rules = {
        name: msgspec.structs.replace(rule, count=counts.get(name.replace("-", "_"), 0))
        for name, rule in audit.rules.items()
    }
    rules = {name: msgspec.structs.replace(rule, rate=rule.count / audit.lines) for name, rule in rules.items()}
    return msgspec.structs.replace(audit, rules=rules)


def test_a_clean_file_is_called_clean(audit: Audit) -> None:
    verdict = judge(with_rules(audit))
    assert verdict.bad == ()
    assert verdict.lead == "24 conversations by some/model. Nothing in it asks for attention."
    assert any("is there: 24 conversations" in each.words for each in verdict.good)


def test_pairs_that_all_occur_are_told_in_one_sentence_and_others_one_by_one(audit: Audit) -> None:
    def told(*pairs: tuple[str, str, int, int]) -> list[str]:
        found = [
            PairCoverage(first=first, second=second, pairs=9, met=met, planned_met=planned, matrix=None)
            for first, second, met, planned in pairs
        ]
        coverage = None if audit.coverage is None else msgspec.structs.replace(audit.coverage, pairs=found)
        verdict = judge(msgspec.structs.replace(audit, coverage=coverage))
        return [each.words for each in (*verdict.bad, *verdict.good) if "planned pair" in each.words]

    whole = ("topic", "persona", 1_200, 1_200), ("topic", "mood", 8, 8)
    assert told(whole[0]) == ["Every planned pair of topic and persona occurs: 1,200."]
    assert told(*whole, ("persona", "mood", 6, 8)) == [
        "2 of 8 planned pairs of persona and mood not found.",
        "Every planned pair of 2 pairs of dimensions occurs: 1,208.",
    ]


def test_what_is_broken_most_is_named_first(audit: Audit) -> None:
    lead = judge(with_rules(audit, email=1, secret=6, markdown=2, truncated=3, repeated_opener=24)).lead
    assert lead.replace("\u00a0", " ").endswith("look at secret (25 %), truncated (12.5 %), markdown (8.3 %) and more.")


def test_a_note_alone_is_no_reason_to_warn(audit: Audit) -> None:
    assert judge(with_rules(audit, repeated_opener=24)).lead.endswith("Nothing in it asks for attention.")


def test_a_run_that_is_not_finished_is_named(audit: Audit) -> None:
    totals = msgspec.structs.replace(audit.totals, num=30, done=24, pending=4, failed=2)
    bad = judge(with_rules(msgspec.structs.replace(audit, totals=totals))).bad
    assert [each.words for each in bad] == ["There: 24 of 30 conversations; still to do: 4; failed: 2."]


@each_row(
    ("part", "whole", "expected"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (1, 3, "33.3 %"),
        (1, 10_000, "below 0.1 %"),
        (9_999, 10_000, "above 99.9 %"),
        (4, 4, "100 %"),
    ],
)
def test_a_share_says_none_and_all_only_when_it_is_so(part: int, whole: int, expected: str) -> None:
    assert share(part, whole) == expected.replace(" %", "\u00a0%")


def moment(time: str, done: int) -> Moment:
    return Moment(time=time, seconds=1, done=done, rejected=0, failed=0, lost=0, in_flight=done, seconds_p50=0.5)


def test_a_short_standstill_is_drawn_and_a_night_between_runs_is_a_gap(tmp_path: Path) -> None:
    dataset = Dataset.open(make_output(tmp_path / "out.jsonl", [plain(1)]))
    moments = [moment("2026-01-01T00:00:00Z", 4), moment("2026-01-01T00:00:03Z", 4), moment("2026-01-02T08:00:00Z", 4)]
    audit = msgspec.structs.replace(audit_dataset(dataset), timeline=moments)
    sections = {each.key: each.blocks for each in make_sections(audit, dataset, judge(audit))}
    rate = sections["time"][0]
    assert isinstance(rate, Figure)
    assert isinstance(rate.chart, LineChart)
    first, second = rate.chart.stretches
    assert first == [(0, 0), (200, 1000), (400, 1000), (600, 0)]
    assert len(second) == 2
