"""What the offline engine reads out of a request."""

from quick import each_row

from asyncgen.offline.brief import DEFAULT_LENGTH, MAX_LENGTH, Brief, Message, read_brief

TASK = """Write one.

Topic: the depth dial
Persona: a skeptic
Dynamic: medium 4-turn conversation (4 messages)

Like one of these:
- hi
- "Who made you?"
"""


def read(*messages: tuple[str, str]) -> Brief:
    return read_brief([Message(role, content) for role, content in messages])


def test_labels_and_openers_come_from_the_last_user_message() -> None:
    brief = read(("system", "Facts."), ("user", "Topic: something else"), ("user", TASK))
    assert brief == Brief(
        knowledge="Facts.",
        about="the depth dial",
        persona="a skeptic",
        dynamic="medium 4-turn conversation (4 messages)",
        lengths=(4,),
        openers=("hi", "Who made you?"),
    )


@each_row(
    ("messages", "knowledge"),
    [
        ([("system", "Rules.\n<knowledge>\nA fact.\n</knowledge>\nMore."), ("user", TASK)], "A fact."),
        ([("system", "Rules."), ("user", f"{TASK}<knowledge>\nA fact.\n</knowledge>")], "A fact."),
        ([("system", "Rules."), ("user", f"<passage>\nA part.\n</passage>\n{TASK}")], "A part."),
        ([("system", "Rules."), ("user", TASK)], "Rules."),
        ([("user", "short"), ("assistant", "a longer text"), ("user", "mid")], "a longer text"),
        ([("system", "Says <knowledge>\nin passing")], "Says <knowledge>\nin passing"),
        ([("system", "<knowledge>\nnever closed")], "never closed"),
    ],
    ids=["tagged", "tagged beside the task", "passage", "system", "longest", "not a line of its own", "never closed"],
)
def test_knowledge_is_found(messages: list[tuple[str, str]], knowledge: str) -> None:
    assert read(*messages).knowledge == knowledge


def test_lines_of_the_knowledge_are_no_scenario() -> None:
    brief = read(("user", "<knowledge>\nNote: this is a fact\n- and an item\n</knowledge>\nTopic: cats\n- hello"))
    assert (brief.about, brief.openers) == ("cats", ("hello",))


def test_what_is_said_of_an_answer_is_no_scenario() -> None:
    again = ("assistant", '{"messages": []}'), ("user", "This cannot be used:\n- rule: English: oh no\n\nDo it again.")
    for task in (TASK, "Subject cats\nopeners:\n- hello"):  # with labels, and without
        brief, first = read(("user", task), *again), read(("user", task))
        assert (brief.about, brief.openers) == (first.about, first.openers)
    assert read(("user", "Hi."), ("assistant", "Hello."), ("user", "About cats?")).about == "About cats?"


@each_row(
    ("dynamic", "lengths"),
    [
        ("short 2-turn exchange", (2,)),
        ("deep talk of 6 messages", (6,)),
        ("3 turns", (4,)),
        ("0 turns", (2,)),
        ("4-8 turns", (4, 6, 8)),
        ("4 to 6 messages", (4, 6)),
        ("999 messages", (MAX_LENGTH,)),
        ("relaxed", (DEFAULT_LENGTH,)),
        ("in 3 steps, 6-turn", (6,)),
    ],
)
def test_the_dynamic_names_the_number_of_messages(dynamic: str, lengths: tuple[int, ...]) -> None:
    assert read(("user", f"Topic: cats\nDynamic: {dynamic}")).lengths == lengths


def test_a_length_under_another_label_counts_where_no_dynamic_is_named() -> None:
    assert read(("user", "Subject: cats\nReader: a child\nForm: 8 messages, friendly")).lengths == (8,)


def test_a_text_without_labels_is_what_it_is_about() -> None:
    assert read(("user", "hello there")).about == "hello there"


def test_a_label_that_names_the_subject_may_stand_anywhere() -> None:
    brief = read(("user", "Reader: a child\nForm: 4 messages\nTopic: the depth dial"))
    assert (brief.about, brief.candidates) == ("the depth dial", ())


def test_without_one_every_part_of_the_message_may_be_the_subject() -> None:
    brief = read(("user", "Write a chat. The guide tells of kilns.\nReader: a child\nForm: 4 messages\n- hi"))
    assert brief.about == "a child"
    assert brief.candidates == ("a child", "Write a chat.", "The guide tells of kilns.")
