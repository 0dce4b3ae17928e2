from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest
from audited import conversation, write_output

from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.results import Audit
from asyncgen.conversation import Conversation, Message, encode_line
from asyncgen.data.dataset import Dataset
from asyncgen.errors import ConfigError
from asyncgen.viewer.show import Conditions, show


def audited(dataset: Dataset, findings: Mapping[str, Sequence[int]]) -> Audit:
    """An audit that has found these lines."""
    audit = audit_dataset(dataset)
    clean = audit.rules["email"]
    rules = {rule: msgspec.structs.replace(clean, lines=lines, count=len(lines)) for rule, lines in findings.items()}
    return msgspec.structs.replace(audit, rules=rules)


class Shown:
    """Twenty conversations, of which line n has index n - 1, and what is printed of them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.output = write_output(folder / "x.jsonl", [conversation(number) for number in range(20)]).output
        self.dataset = Dataset.open(self.output)
        self._capsys = capsys

    def append(self, *conversations: Conversation) -> None:
        with self.output.open("ab") as file:
            file.writelines(encode_line(each) for each in conversations)
        self.dataset = Dataset.open(self.output)

    def text(
        self,
        choice: Conditions | None = None,
        findings: Mapping[str, Sequence[int]] | None = None,
        *,
        limit: int | None = None,
        sample: int | None = None,
        seed: int = 0,
    ) -> str:
        audit = None if findings is None else audited(self.dataset, findings)
        assert show(self.dataset, choice or Conditions(), audit, limit=limit, sample=sample, seed=seed) == 0
        said = self._capsys.readouterr()
        assert said.err == ""
        return said.out

    def lines(
        self,
        choice: Conditions | None = None,
        findings: Mapping[str, Sequence[int]] | None = None,
        *,
        limit: int | None = None,
        sample: int | None = None,
        seed: int = 0,
    ) -> list[int]:
        text = self.text(choice, findings, limit=limit, sample=sample, seed=seed)
        headings = [line for line in text.splitlines() if line.startswith("--- line ")]
        return [int(heading.removeprefix("--- line ").split(",")[0]) for heading in headings]


@pytest.fixture
def shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shown:
    return Shown(tmp_path, capsys)


def test_a_conversation_is_a_chat_under_what_it_was_to_be_about(shown: Shown) -> None:
    heading, topic, persona, user, assistant = shown.text(Conditions(lines=frozenset([3]))).splitlines()
    assert heading == "--- line 3, index 2"
    assert topic in {"topic: fish (diet)", "topic: shells (diet)", "topic: sliding (play)"}
    assert persona in {"persona: a child", "persona: a biologist"}
    assert user == "user: Question 2?"
    assert assistant == f"assistant: {conversation(2)[1].content}"


def test_the_findings_of_a_line_stand_above_it(shown: Shown) -> None:
    findings = {"email": [3, 4], "secret": [3], "markdown": [9]}
    assert "\nfindings: email, secret\n" in shown.text(Conditions(lines=frozenset([3])), findings)
    assert "findings" not in shown.text(Conditions(lines=frozenset([5])), findings)


def test_each_finding_of_a_line_shows_what_it_rests_on(shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    """Beyond the few lines that an audit quotes, too."""
    added = [(Message("user", f"{number}?"), Message("assistant", "Ask anna@bakery.example.")) for number in range(40)]
    shown.append(*added)
    audit = audit_dataset(shown.dataset)
    assert len(audit.rules["email"].examples) == 1
    assert show(shown.dataset, Conditions(lines=frozenset([60])), audit, limit=None, sample=None, seed=0) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[said.index("  email: an e-mail address") + 1] == "    message 2: Ask anna@bakery.example."
    meant = "  near-duplicate-answers: the assistant says nearly the same as in an earlier line"
    assert said[said.index(meant) + 1] == "    like line 21"


def test_what_only_the_whole_tells_is_at_least_described(shown: Shown) -> None:
    text = shown.text(Conditions(lines=frozenset([3])), {"stock-phrase": [3]})
    assert "\n  stock-phrase: an e-mail address\n" in text  # the description of the rule that `audited` borrows


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Conditions(lines=frozenset([7, 2])), [2, 7]),
        (Conditions(indices=frozenset([0, 19])), [1, 20]),
        (Conditions(finding="email"), [4, 6]),
        (Conditions(finding="email", lines=frozenset([5, 6])), [6]),
        (Conditions(lines=frozenset([20]), indices=frozenset([19])), [20]),
    ],
)
def test_what_is_shown_satisfies_all_that_is_asked_for(shown: Shown, choice: Conditions, expected: list[int]) -> None:
    assert shown.lines(choice, {"email": [4, 6], "secret": [5]}) == expected


@pytest.mark.parametrize("text", ["fish", "FIS", "diet"])
def test_a_scenario_is_found_by_part_of_its_value_or_by_its_group(shown: Shown, text: str) -> None:
    wanted = {"fish", "shells"} if text == "diet" else {"fish"}
    expected = [index + 1 for index in range(20) if shown.dataset.scenario(index)["topic"][0][1] in wanted]
    assert expected
    assert shown.lines(Conditions(where=(("topic", text),))) == expected


def test_conditions_on_several_dimensions_hold_together(shown: Shown) -> None:
    one, other = Conditions(where=(("topic", "play"),)), Conditions(where=(("persona", "child"),))
    both = Conditions(where=(*one.where, *other.where))
    assert set(shown.lines(both)) == set(shown.lines(one)) & set(shown.lines(other))


def test_a_dimension_that_is_not_there_is_named(shown: Shown) -> None:
    with pytest.raises(ConfigError, match="there is no dimension 'mood'; there are topic, persona"):
        shown.text(Conditions(where=(("mood", "x"),)))


def test_no_more_are_shown_than_asked_for(shown: Shown) -> None:
    assert shown.lines(limit=3) == [1, 2, 3]
    assert shown.lines(Conditions(finding="email"), {"email": range(5, 20)}, limit=2) == [5, 6]


def test_a_random_few_are_the_same_for_the_same_seed(shown: Shown) -> None:
    draws = [shown.lines(sample=5, seed=seed) for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
    assert draws[0] == sorted(set(draws[0]))
    assert len(draws[0]) == 5


def test_every_line_can_be_drawn(shown: Shown) -> None:
    assert {line for seed in range(60) for line in shown.lines(sample=2, seed=seed)} == set(range(1, 21))


def test_fewer_than_asked_for_are_all_drawn(shown: Shown) -> None:
    assert shown.lines(Conditions(lines=frozenset([4, 2])), sample=9) == [2, 4]


def test_a_line_that_no_run_made_has_no_scenario(shown: Shown) -> None:
    shown.append(conversation(77))
    text = shown.text(Conditions(lines=frozenset([21])))
    assert text.startswith("--- line 21, not made here\nuser: Question 77?\n")
    assert 21 not in shown.lines(Conditions(where=(("topic", ""),)))


def test_nothing_a_model_wrote_moves_the_cursor_or_is_taken_for_markup(shown: Shown) -> None:
    shown.append(
        (
            Message("us\x1b[2Jer\n", "\x1b]0;title\x07 \u202e\x9b2J [bold red]x[/] :smile:\n\ttab"),
            Message("assistant", "[/nothing]"),
        )
    )
    text = shown.text(Conditions(lines=frozenset([21])))
    assert text.split("\n", 1)[1] == (
        "us?[2Jer?: ?]0;title? ??2J [bold red]x[/] :smile:\n        tab\nassistant: [/nothing]\n"
    )


def test_nothing_that_fits_is_a_sentence_and_exit_status_1(shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(shown.dataset, Conditions(indices=frozenset([99])), None, limit=None, sample=None, seed=0) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"asyncgen: {shown.output}: no conversation fits\n")


@pytest.mark.parametrize(
    ("lines", "status", "said"), [({99}, 1, "line 99"), ({3, 21, 99}, 0, "line 21, 99"), ({0, 21}, 1, "line 21")]
)
def test_a_line_that_is_not_there_is_told_which_are(
    shown: Shown, lines: set[int], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(shown.dataset, Conditions(lines=frozenset(lines)), None, limit=None, sample=None, seed=0) == status
    assert capsys.readouterr().err == f"asyncgen: {shown.output}: there is no {said}; its lines are 1 to 20\n"
