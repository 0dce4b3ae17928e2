import pytest
from quick import each_row

from asyncgen.answered import Usage
from asyncgen.conversation import Conversation, Message
from asyncgen.runs.events import Made
from asyncgen.runs.first_answers import ALIKE, IGNORED, SAME, SIZES, FirstAnswers, FirstConversations

KNOWLEDGE = (b"x" * 33_000, b"]}")


def warnings(payload: tuple[bytes, ...], *tokens: int | None, cached: int | None = None) -> list[str]:
    first = FirstAnswers()
    said = [first.cut_prompt(payload, Usage(each, cached)) for each in tokens]
    return [each for each in said if each]


@pytest.mark.parametrize("tokens", [2_050, 4_096])
def test_a_prompt_that_was_cut_in_silence_is_warned_of_once(tokens: int) -> None:
    (said,) = warnings(KNOWLEDGE, *[tokens] * (SIZES + 5))
    assert f"{tokens:,} tokens" in said
    assert "num_ctx" in said


@each_row(
    ("text", "tokens"),
    [
        (b"word " * 7_000, 7_000),
        ("知识".encode() * 10_000, 14_000),
        ("ज्ञान".encode() * 3_000, 5_000),
        (b"x" * 1_000, 20),
        (b"x" * 33_000, 0),
        (b"x" * 33_000, None),
    ],
    ids=["English", "Chinese", "Hindi", "short", "zero", "unknown"],
)
def test_a_whole_prompt_is_not_warned_of_in_any_language(text: bytes, tokens: int | None) -> None:
    assert warnings((text,), *[tokens] * 9) == []


def test_a_prompt_whose_cached_part_is_counted_apart_is_whole() -> None:
    assert warnings(KNOWLEDGE, *[100] * 9, cached=7_000) == []


def test_one_odd_count_is_no_cut() -> None:
    assert warnings(KNOWLEDGE, 100, 7_000, 100, 100, 100) == []


def test_another_service_tier_than_the_one_asked_for_is_warned_of_once() -> None:
    first = FirstAnswers("flex")
    said = [first.other_tier(billed) for billed in ("flex", None, "batch", "default", "default")]
    assert said[:3] == [None, None, None]
    assert said[3] is not None
    assert said[3].startswith("asked for at tier flex, a call was served, and is billed, at default")
    assert said[4] is None


def test_who_asks_for_no_service_tier_is_warned_of_none() -> None:
    assert FirstAnswers().other_tier("priority") is None


def test_a_format_is_ignored_when_none_of_the_first_replies_has_it() -> None:
    first = FirstAnswers()
    assert [first.ignores_format("not-json") for _ in range(IGNORED + 5)].index(True) == IGNORED - 1


@pytest.mark.parametrize("reason", [None, "roles"])
def test_one_reply_in_form_proves_the_format(reason: str | None) -> None:
    first = FirstAnswers()
    assert not any(first.ignores_format(each) for each in ["not-json", reason, *["not-json"] * 20])


def test_one_conversation_for_all_indices_is_told_once_and_soon() -> None:
    def told(*texts: str) -> list[str]:
        said: list[str] = []
        first = FirstConversations(said.append)
        for index, text in enumerate(texts):
            talk = Conversation((Message("user", "hi"), Message("assistant", text)))
            first.look(Made(index, {}, talk, None, "m", "stop", 1))
        return said

    assert told(*["same"] * (ALIKE - 1)) == []
    assert told(*["same"] * (ALIKE * 3)) == [SAME]
    assert told("other", *["same"] * (ALIKE * 3)) == []
    assert told(*["same"] * (ALIKE - 1), "other", *["same"] * ALIKE) == []
