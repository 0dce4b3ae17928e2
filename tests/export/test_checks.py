from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.conversation import Conversation, Message
from asyncgen.export.checks import BLANK, END, ORDER, ROLE, SYSTEM, TOO_FEW, Tally, describe_limits, find_fault


def said(roles: str) -> Conversation:
    """A message for each letter: s, u, a, t for tool."""
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return tuple(Message(names[each], f"{place}") for place, each in enumerate(roles))


@each_row(
    ("roles", "fault"),
    [
        ("ua", None),
        ("uaua", None),
        ("sua", None),
        ("suaua", None),
        ("uau", END),
        ("suau", END),
        ("u", TOO_FEW),
        ("su", TOO_FEW),
        ("s", TOO_FEW),
        ("au", ORDER),
        ("aua", ORDER),
        ("uuaa", ORDER),
        ("uaau", ORDER),
        ("usa", ORDER),
        ("ssua", ORDER),
        ("uta", ROLE),
        ("uat", ROLE),
    ],
)
def test_what_trainers_refuse_has_its_reason(roles: str, fault: str | None) -> None:
    assert find_fault(said(roles), takes_system=True) == fault


def test_a_format_without_a_place_for_it_takes_no_system_message() -> None:
    assert find_fault(said("sua"), takes_system=False) == SYSTEM
    assert find_fault(said("ua"), takes_system=False) is None


@each_row("blank", ["", " ", "\n\t", "\u00a0", "\u3000"])
@each_row("place", range(3))
def test_a_message_without_text_is_a_fault_wherever_it_is(blank: str, place: int) -> None:
    conversation = list(said("sua"))
    conversation[place] = Message(conversation[place].role, blank)
    assert find_fault(tuple(conversation), takes_system=True) == BLANK


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text(max_size=3)), min_size=1))
def test_what_has_no_fault_is_system_then_user_and_assistant_in_turn(messages: list[tuple[str, str]]) -> None:
    conversation = tuple(Message(*each) for each in messages)
    roles = [each.role for each in conversation]
    turns = roles[1:] if roles[0] == "system" else roles
    is_right = (
        len(turns) > 0
        and turns == ["user", "assistant"] * (len(turns) // 2)
        and all(each.content.strip() for each in conversation)
    )
    assert (find_fault(conversation, takes_system=True) is None) == is_right


def test_a_tally_names_the_first_lines() -> None:
    tally = Tally()
    tally.add("3")
    assert tally.describe() == "line 3"
    for number in range(4, 10):
        tally.add(str(number))
    assert tally.describe() == "lines 3, 4, 5, 6, 7, ..."


@each_row(
    ("name", "rows", "size", "notes"),
    [
        ("openai", 9, 1000, ["OpenAI asks for 10 rows at least, here are 9"]),
        ("openai", 10, 1000, []),
        ("messages", 2, 1000, ["Fireworks asks for 3", "mistral-finetune asks for 10"]),
        ("messages", 10, 10**10 + 1, ["mistral-finetune takes files of 10,000,000,000 bytes at most"]),
        ("messages", 3_000_001, 1000, ["Fireworks takes 3,000,000 rows at most"]),
        ("arrays", 1, 1, []),
    ],
)
def test_what_a_reader_does_not_take_is_said(name: str, rows: int, size: int, notes: list[str]) -> None:
    told = list(describe_limits(name, rows=rows, size=size))
    assert len(told) == len(notes)
    assert all(each.startswith(note) for each, note in zip(told, notes, strict=True))
