"""Conversations of the offline engine: the promises that are counted, over the built-in recipe and over anything."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row
from sweep import at_least

from asyncgen.offline import phrases
from asyncgen.offline.author import Author, digest_request
from asyncgen.offline.brief import Message
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.prompt import build_messages
from asyncgen.recipe.scenario import Scenarios

FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
COUNT = at_least(1300, 2000)
RECIPE = load_recipe("nanochat")


def request(scenario: Mapping[str, str]) -> list[Message]:
    return [Message(each["role"], each["content"]) for each in build_messages(RECIPE, scenario)]


def write(author: Author, messages: Sequence[Message], seed: int | None = None) -> list[Message]:
    return author.write(messages, digest_request(messages, seed))


@pytest.fixture(scope="module")
def scenarios() -> list[dict[str, str]]:
    drawn = Scenarios(RECIPE.dimensions, sampling=RECIPE.sampling, seed=None)
    return [drawn.draw(index) for index in range(COUNT)]


@pytest.fixture(scope="module")
def conversations(scenarios: list[dict[str, str]]) -> Iterator[list[list[Message]]]:
    with closing(Author()) as author:
        yield [write(author, request(each)) for each in scenarios]


@pytest.mark.slow
def test_no_two_conversations_are_equal(conversations: list[list[Message]]) -> None:
    assert len({tuple(each) for each in conversations}) == COUNT


def test_nothing_is_said_twice_in_one(conversations: list[list[Message]]) -> None:
    for messages in conversations:
        assert len({each.content for each in messages}) == len(messages)


def test_the_number_of_messages_fits_the_dynamic(
    scenarios: list[dict[str, str]], conversations: list[list[Message]]
) -> None:
    for scenario, messages in zip(scenarios, conversations, strict=True):
        assert f"({len(messages)} messages)" in scenario["dynamic"]


def test_the_rules_of_the_recipe_hold(conversations: list[list[Message]]) -> None:
    for messages in conversations:
        assert [each.role for each in messages] == ["user", "assistant"] * (len(messages) // 2)
        assert all(each.content.strip() and each.content.isascii() for each in messages)


def test_first_messages_are_more_varied_than_the_openers(
    scenarios: list[dict[str, str]], conversations: list[list[Message]]
) -> None:
    reachable = {line[2:] for each in scenarios for line in each["first_message_examples"].splitlines()}
    first = {each[0].content for each in conversations}
    begun = {opener for opener in reachable if any(message.startswith(opener) for message in first)}
    assert begun == reachable
    assert len(first) >= 4 * len(reachable)


def test_who_knows_nothing_yet_does_not_ask_for_more() -> None:
    messages = [Message("system", "You play a person who is new to this."), Message("user", "Begin the talk.")]
    with closing(Author()) as author:
        first = {author.write(messages, digest_request(messages, seed))[0].content for seed in range(50)}
    assert first <= {*phrases.OPENING_QUESTIONS}


def test_every_first_message_begins_or_ends_like_an_example(
    scenarios: list[dict[str, str]], conversations: list[list[Message]]
) -> None:
    for scenario, messages in zip(scenarios, conversations, strict=True):
        openers = [line[2:] for line in scenario["first_message_examples"].splitlines()]
        assert any(opener in messages[0].content for opener in openers)


def test_every_figure_of_an_answer_is_in_the_knowledge_base(conversations: list[list[Message]]) -> None:
    known = set(FIGURE.findall(RECIPE.knowledge))
    for messages in conversations:
        for answer in messages[1::2]:
            assert set(FIGURE.findall(answer.content)) <= known


def test_the_topic_is_answered(scenarios: list[dict[str, str]], conversations: list[list[Message]]) -> None:
    pairs = zip(scenarios, conversations, strict=True)
    about_muon = [messages for scenario, messages in pairs if scenario["topic"].startswith("how Muon")]
    assert len(about_muon) > 20
    assert all(any("Muon" in each.content for each in messages[1::2]) for messages in about_muon)


def test_follow_ups_are_worded_in_many_ways(conversations: list[list[Message]]) -> None:
    asked = [each.content for messages in conversations for each in messages[2::2]]
    assert len(set(asked)) > 0.7 * len(asked)


def test_the_same_request_gets_the_same_conversation(scenarios: list[dict[str, str]]) -> None:
    with closing(Author()) as one, closing(Author()) as other:
        write(other, request(scenarios[1]))
        assert write(one, request(scenarios[0])) == write(other, request(scenarios[0]))


def test_another_seed_gets_another_conversation(scenarios: list[dict[str, str]]) -> None:
    with closing(Author()) as author:
        assert len({tuple(write(author, request(scenarios[0]), seed)) for seed in range(20)}) == 20


def test_more_knowledge_bases_than_are_kept_make_no_difference() -> None:
    requests = [[Message("system", f"The answer is {number}, and it stays so for ever.")] for number in range(9)]
    with closing(Author()) as author:
        first = [write(author, each) for each in requests]
        assert [write(author, each) for each in requests] == first


def test_what_is_exhausted_is_admitted_in_ever_new_words() -> None:
    task = [
        Message("user", "<knowledge>\nOnly this is known about the cheese.\n</knowledge>\nTopic: x\nForm: 40 messages")
    ]
    with closing(Author()) as author:
        answers = [each.content for each in write(author, task)[1::2]]
    assert len(set(answers)) == 20
    assert any("Only this is known about the cheese." in answer for answer in answers)


def test_knowledge_in_another_language_is_quoted_without_english_words() -> None:
    knowledge = (
        "## Zeiten\nDie Tür öffnet um neun Uhr und schließt um sechs.\n\n## Ausweis\nDer Ausweis kostet gar nichts."
    )
    task = [
        Message("system", f"<knowledge>\n{knowledge}\n</knowledge>"),
        Message("user", "Thema: Ausweis\nForm: 4 Nachrichten\n- Guten Tag!"),
    ]
    with closing(Author()) as author:
        written = write(author, task)
    assert [each.content for each in written] == [
        *("Guten Tag! Ausweis?", "Der Ausweis kostet gar nichts."),
        *("Zeiten?", "Die Tür öffnet um neun Uhr und schließt um sechs."),
    ]


BUTTER = {
    "German": "## Butter\nDie Butter wird am Morgen gerührt.\n\n## Käse\nDer Käse reift im Keller.",
    "French": "## Beurre\nLe beurre se bat le matin et se sale le soir.\n\n## Fromage\nLe fromage mûrit à la cave.",
    "Spanish": "## Mantequilla\nLa mantequilla se bate por la mañana.\n\n## Queso\nEl queso madura en la bodega.",
}


@each_row("language", [*BUTTER])
def test_a_conversation_reads_in_the_language_that_is_asked_for(language: str) -> None:
    voice = phrases.VOICES[language.casefold()]
    headings = [line[3:] for line in BUTTER[language].splitlines() if line.startswith("#")]
    facts = [line for line in BUTTER[language].splitlines() if line and not line.startswith("#")]
    questions = {each.replace("{}", heading) for each in voice.named for heading in headings}
    questions |= {*voice.openings, *voice.more}
    answers = {f"{intro}{fact}" for intro in ["", *(f"{each} " for each in voice.intros)] for fact in facts}
    task = [
        Message("system", f"<knowledge>\n{BUTTER[language]}\n</knowledge>"),
        Message("user", f"Language: {language}\nTopic: {headings[1]}\nForm: 8 messages"),
    ]
    with closing(Author()) as author:
        for seed in range(40):
            first, *others = write(author, task, seed)
            assert first.content in questions
            for asked in others[1::2]:
                told = [f"{each} " for each in ("", *voice.reactions) if asked.content.startswith(each)]
                assert any(asked.content.removeprefix(each.lstrip()) in questions for each in told)
            assert all(each.content in {*answers, *voice.nothing_left} for each in others[::2])


@each_row("language", ["French", "Spanish", "German"])
def test_who_plays_a_user_types_in_the_language_that_his_prompt_tells(language: str) -> None:
    voice = phrases.VOICES[language.casefold()]
    prompt = f"You play a person who is new to this.\nLanguage: {language}\n\nWrite only the next message."
    for told in ([Message("system", prompt), Message("user", "Begin the chat.")], [Message("user", prompt)]):
        with closing(Author()) as author:
            first = {author.write(told, digest_request(told, seed))[0].content for seed in range(20)}
        assert first <= {*voice.openings}


def test_no_phrase_of_any_language_states_a_figure() -> None:
    for voice in phrases.VOICES.values():
        said = [*voice.openings, *voice.more, *voice.named, *voice.reactions, *voice.greetings, *voice.intros]
        assert not any(re.search(r"\d", each) for each in [*said, *voice.nothing_left])
        assert all(each.count("{}") == 1 for each in voice.named)


@each_row("opener", ["who are you?", "what can you do", "hola", "tell me about yourself", "hi"])
def test_without_knowledge_every_opener_still_gets_a_conversation(opener: str) -> None:
    task = [Message("user", f"<knowledge>\n\n</knowledge>\nTopic: x\nDynamic: 2-turn\n- {opener}")]
    with closing(Author()) as author:
        written = write(author, task)
    assert written[0].content.startswith(opener)
    assert len(written) == 2


_texts = st.text(max_size=80) | st.sampled_from(
    [
        "<knowledge>\n",
        "\n</knowledge>\n",
        "Dynamic: 6-turn\n",
        "Topic: a b\n",
        "- hi\n",
        "# h\n",
        "| a |\n",
        "```\n",
        "x is not y. ",
    ]
)
_messages = st.builds(
    Message, st.sampled_from(["system", "user", "assistant"]), st.lists(_texts, max_size=8).map("".join)
)


@given(messages=st.lists(_messages, min_size=1, max_size=3))
def test_any_request_gets_a_conversation(messages: list[Message]) -> None:
    with closing(Author()) as author:
        written = write(author, messages)
    assert [each.role for each in written] == ["user", "assistant"] * (len(written) // 2)
    assert all(each.content.strip() for each in written)
    assert not any(re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", each.content) for each in written)


KNOWLEDGE = """# Clay
Clay is dug in spring and rests for a year.
# Kilns
A kiln burns beech wood for thirty hours.
# Glazes
A glaze of ash turns green in the fire.
"""


@each_row(
    "task",
    [
        "Reader: a student\nMatter: {}\nForm: 2 messages",
        "Write a chat of a potter and a student.\nThey come to speak of {}.\nForm: 2 messages",
        "{}\n\nPerson: a curious student",
    ],
)
@each_row(
    ("subject", "fact"),
    [("clay and its rest", "dug in spring"), ("how a kiln is fired", "beech wood"), ("a glaze of ash", "turns green")],
)
def test_the_subject_is_found_wherever_a_recipe_puts_it(task: str, subject: str, fact: str) -> None:
    with closing(Author()) as author:
        request = [Message("system", f"<knowledge>\n{KNOWLEDGE}\n</knowledge>"), Message("user", task.format(subject))]
        answers = " ".join(each.content for each in author.write(request, b"seed")[1::2])
    assert fact in answers
