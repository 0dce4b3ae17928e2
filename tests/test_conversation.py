import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from quick import each_row

from asyncgen.conversation import (
    BLAKE2B,
    TOLERANT,
    XXH3,
    Conversation,
    LineHash,
    Message,
    NotAConversationError,
    decode_line,
    digest_conversation,
    encode_line,
)
from asyncgen.errors import BadReplyError
from asyncgen.recipe import reply as reply_module
from asyncgen.recipe.accept import parse_conversation
from asyncgen.recipe.fold import fold_to_ascii
from asyncgen.recipe.recipe import Rules

ANY = Rules()
ASCII = Rules(charset="ascii")
TALK = (Message("user", "Hi"), Message("assistant", "Hello"))
TALK_JSON = '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]'
DEEP = "[" * 100_000

any_text = st.text(st.characters())  # with lone surrogates
conversations = st.lists(st.builds(Message, st.text(), st.text()), min_size=1, max_size=6).map(tuple)


def talk(*contents: str) -> Conversation:
    return tuple(Message(("user", "assistant")[turn % 2], content) for turn, content in enumerate(contents))


def reply(*messages: tuple[object, object]) -> str:
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in messages]})


def reply_with(content: str) -> str:
    return reply(("user", "Hi"), ("assistant", content))


def content_of(text: str, rules: Rules) -> str:
    return parse_conversation(text, rules)[1].content


def reason_of(text: str, rules: Rules = ANY, *, finish_reason: str | None = "stop") -> str:
    with pytest.raises(BadReplyError) as caught:
        parse_conversation(text, rules, finish_reason=finish_reason)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 160
    return caught.value.reason


def outcome_of(text: str, rules: Rules, *, finish_reason: str | None = None) -> Conversation | BadReplyError:
    try:
        return parse_conversation(text, rules, finish_reason=finish_reason)
    except BadReplyError as error:
        return error


@each_row(
    "text",
    [
        '{"messages": ' + TALK_JSON + "}",
        TALK_JSON,
        "\n\n \t" + TALK_JSON + "\r\n\n",
        "\ufeff" + TALK_JSON,
        "```json\n" + TALK_JSON + "\n```",
        "```JSON\r\n" + TALK_JSON + "\r\n```\n",
        "``` " + TALK_JSON + "```",
        "\n```\n\n" + TALK_JSON,
        '{"thoughts": "first, greet", "messages": ' + TALK_JSON + ', "score": NaN}',
        '{"messages": [], "messages": ' + TALK_JSON + "}",
        TALK_JSON.replace("}", ', "mood": {"joy": [1e999, -Infinity, ' + "9" * 5_000 + "]}}"),
        TALK_JSON.replace('"Hi"', '"Bye", "content": "Hi"'),
        TALK_JSON.replace("Hello", "\\u0048ello").replace("Hi", "H\\u0069"),
    ],
    ids=[
        "object",
        "bare list",
        "blanks around it",
        "byte order mark",
        "fence",
        "fence with a carriage return",
        "fence on one line",
        "fence never closed",
        "other keys beside messages",
        "messages twice",
        "other keys in a message, with numbers beyond any range",
        "content twice",
        "escapes",
    ],
)
def test_a_reply_becomes_a_conversation(text: str) -> None:
    assert parse_conversation(text, ANY) == TALK
    assert parse_conversation(text, ASCII) == TALK


def test_whole_json_is_good_although_the_limit_was_reached() -> None:
    assert parse_conversation(TALK_JSON, ANY, finish_reason="length") == TALK


@each_row("text", [TALK_JSON[:-5], '{"messages":[{"role":"user","con', '[{"content":1},{"ro', "`", ""])
def test_broken_json_is_cut_off_only_when_the_limit_was_reached(text: str) -> None:
    assert reason_of(text, finish_reason="length") == "cut-off"
    assert reason_of(text, finish_reason="stop") == "not-json"
    assert reason_of(text, finish_reason=None) == "not-json"


@each_row(
    "text",
    [
        "Sure! Here is the conversation.",
        TALK_JSON + TALK_JSON.replace("Hi", "Hey"),
        "<think>" + TALK_JSON + "</think> I cannot say.",
        '{"messages": ' + TALK_JSON + ",}",
        DEEP,
        '{"messages":' * 100_000,
        TALK_JSON.replace('"Hi"', '"Hi", "extra": ' + DEEP),
        "{'messages': []}",
        "<html><body>\u202e[502]\x1b[2J</body></html>",
        "\ud800",
        "\x00",
    ],
    ids=[
        "prose",
        "two different ones",
        "a draft among thoughts",
        "inside broken JSON",
        "deep",
        "deep objects",
        "deep inside",
        "quotes",
        "html",
        "surrogate",
        "nul",
    ],
)
def test_what_is_no_json_says_so(text: str) -> None:
    assert reason_of(text) == "not-json"


@each_row(
    "text",
    [
        "{}",
        "null",
        '"hello"',
        "NaN",
        "1" * 5_000,
        "1e999",
        '{"messages": null}',
        '{"messages": {"role": "user", "content": "Hi"}}',
        '{"one": ' + TALK_JSON + ', "other": ' + TALK_JSON.replace("Hi", "Hey") + "}",
        "[1, 2]",
        '["user: Hi", "assistant: Hello"]',
        '[{"user": "Hi", "assistant": 7}]',
        '[{"user": "Hi", "id": 7}, {"assistant": "Hello", "id": 8}]',
        '[{"role": "user"}, {"role": "assistant", "content": "Hello"}]',
        '[{"content": "Hi"}, {"role": "assistant", "content": "Hello"}]',
        reply(("user", None), ("assistant", "Hello")),
        reply(("user", 7), ("assistant", "Hello")),
        reply(("user", [{"type": "text", "text": "Hi"}]), ("assistant", "Hello")),
        reply((None, "Hi"), ("assistant", "Hello")),
        TALK_JSON.replace('"Hello"', "NaN"),
        TALK_JSON.replace('"Hello"', "1e999"),
        TALK_JSON.replace('"Hello"', "9" * 5_000),
    ],
)
def test_json_of_another_shape_says_so(text: str) -> None:
    assert reason_of(text) == "wrong-shape"
    assert reason_of(text, finish_reason="length") == "wrong-shape"


@pytest.mark.parametrize("text", ["[]", '{"messages": []}', reply(("user", "Hi"))])
def test_fewer_messages_than_asked_are_refused(text: str) -> None:
    assert reason_of(text) == "too-few-messages"


def test_as_many_messages_as_asked_are_enough() -> None:
    assert len(parse_conversation(TALK_JSON, Rules(min_messages=2))) == 2
    assert reason_of(TALK_JSON, Rules(min_messages=3)) == "too-few-messages"
    assert parse_conversation(reply(("user", "Hi")), Rules(min_messages=1, ends_with="any")) == talk("Hi")


@each_row(
    "roles",
    [
        ["assistant", "user"],
        ["user", "user"],
        ["user", "assistant", "assistant"],
        ["system", "assistant", "user"],
        ["system", "system", "user", "assistant"],
        ["user", "system", "assistant"],
        ["gpt", "human"],
        ["User", "User"],
        ["Ann", "Ben"],
        ["", ""],
    ],
)
def test_roles_that_do_not_alternate_from_the_user_are_refused(roles: Sequence[str]) -> None:
    assert reason_of(reply(*((role, "Hi") for role in roles))) == "roles"


# ---- in another dress

QUOTED = json.dumps(TALK_JSON)
OBJECT = '{"messages": ' + TALK_JSON + "}"
DRAFT = '{"messages": [{"role": "user", "content": "draft"}, {"role": "assistant", "content": "draft"}]}'

WRAPPED = {
    "prose before": "Here you are: " + OBJECT,
    "prose behind": OBJECT + "\nI hope this helps.",
    "prose around a fence": "Sure:\n\n```json\n" + OBJECT + "\n```\n\nEnjoy {it}!",
    "braces in prose": "I use {curly} and [square] ones, {'so'}. " + OBJECT,
    "a brace too many": OBJECT + "}",
    "the same object twice": OBJECT + "\n" + OBJECT,
    "the same object twice, once as a list": OBJECT + TALK_JSON,
    "thoughts with a draft": f"<think>draft {DRAFT}</think>{OBJECT}",
    "thoughts with an attribute": f'<think duration="3">{DRAFT}</think>\n{OBJECT}',
    "thoughts that were begun by the prompt": f"draft {DRAFT}\n</think>\n\n{OBJECT}",
    "thoughts in two pieces": f"<think>{DRAFT}</think> so <think>{DRAFT}</think> {OBJECT}",
    "thoughts in capitals": f"<THINKING>{DRAFT}</THINKING>{OBJECT}",
    "thoughts that never end": f"<think>I only think. {OBJECT}",
    "thoughts with a draft that is cut off": f"<think>{DRAFT[:50]}</think>{OBJECT}",
    "thoughts of another tag": f"<reasoning>{DRAFT}</reasoning><answer>{OBJECT}</answer>",
    "magistral": f"[THINK]{DRAFT}[/THINK]{OBJECT}",
    "kimi": f"◁think▷{DRAFT}◁/think▷{OBJECT}",
    "gemma": f"<|channel>thought\n{DRAFT}<channel|>{OBJECT}",
    "harmony": (
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{OBJECT}<|return|>"
    ),
    "harmony with a constraint": f"<|channel|>final <|constrain|>json<|message|>{OBJECT}",
    "harmony without its marks": f"analysis{DRAFT}assistantfinal{OBJECT}",
    "JSON inside a string": json.dumps(OBJECT),
    "a list inside a string": QUOTED,
    "a list inside a string under its key": '{"messages": ' + QUOTED + "}",
    "a list of one object": f"[{OBJECT}]",
    "a list inside a list": f"[{TALK_JSON}]",
    "a list inside the list of messages": '{"messages": [' + TALK_JSON + "]}",
    "the same conversation under two keys": '{"a": ' + TALK_JSON + ', "b": ' + TALK_JSON + "}",
    "a key that wraps the object": '{"data": ' + OBJECT + "}",
    "keys that wrap the list": '{"result": {"conversation": ' + TALK_JSON + '}, "score": 1}',
    "conversations": '{"id": "x", "conversations": ' + TALK_JSON + "}",
    "a message around it": json.dumps({"role": "assistant", "content": OBJECT}),
    "sharegpt": '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}',
    "other keys for role and content": '[{"speaker": "User", "text": "Hi"}, {"speaker": "AI", "text": "Hello"}]',
    "roles for keys": '{"messages": [{"user": "Hi"}, {"assistant": "Hello"}]}',
    "turns for items": '{"turns": [{"human": "Hi", "bot": "Hello"}]}',
    "capitals": reply(("User", "Hi"), ("ASSISTANT ", "Hello")),
    "user and model": reply(("user", "Hi"), ("model", "Hello")),
    "human and ai": reply(("human", "Hi"), ("ai", "Hello")),
    "a system message first": reply(("system", "You are nice."), ("user", "Hi"), ("assistant", "Hello")),
}


@each_row("text", WRAPPED.values(), ids=WRAPPED)
def test_a_conversation_in_another_dress_is_taken_where_it_is_the_only_one(text: str) -> None:
    assert parse_conversation(text, ANY) == TALK


def test_a_mark_inside_a_content_ends_no_thoughts() -> None:
    text = "So: " + OBJECT.replace("Hello", "It ends with </think>, then comes {json}.")
    assert content_of(text, ANY) == "It ends with </think>, then comes {json}."


@pytest.mark.parametrize("finish_reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_what_was_only_thought_when_the_limit_was_reached_is_cut_off(finish_reason: str) -> None:
    assert reason_of(f"<think>{DRAFT} no, rather", finish_reason=finish_reason) == "cut-off"
    assert reason_of(OBJECT[:-9], finish_reason=finish_reason) == "cut-off"


FRAGMENTS = st.sampled_from(
    [
        *(OBJECT, DRAFT, OBJECT[:40], DRAFT[:-3], QUOTED, TALK_JSON),
        *(
            "<think>",
            "</think>",
            "<|channel|>final<|message|>",
            "[THINK]",
            "```json\n",
            "```",
            "Sure: ",
            '"',
            "{",
            "[",
            "}",
            "]",
        ),
    ]
)


@given(st.lists(FRAGMENTS, max_size=8).map("".join), st.sampled_from(["stop", "length"]))
@settings(max_examples=3 * settings().max_examples)
def test_whatever_is_mixed_a_reply_is_one_of_the_conversations_in_it_or_bad(text: str, finish_reason: str) -> None:
    outcome = outcome_of(text, ANY, finish_reason=finish_reason)
    if isinstance(outcome, BadReplyError):
        assert str(outcome).isprintable()
        return
    assert outcome in (TALK, talk("draft", "draft"))


def test_a_reply_that_means_two_conversations_says_so() -> None:
    with pytest.raises(BadReplyError, match="it holds 2 different conversations"):
        parse_conversation(OBJECT + DRAFT, ANY)


HOSTILE = {
    "braces": '{"' * 1_000_000,
    "objects": '{"a":1}' * 300_000,
    "broken objects": '{"a":1,}' * 300_000,
    "open strings": '{"a":"' * 300_000,
    "brackets": "[" * 2_000_000,
    "brackets and blanks": "[ \n" * 700_000,
    "tags": "<think>" * 300_000,
    "open tags": "<think " * 300_000,
    "ends": "</think>" * 250_000,
    "ends with blanks": "</think" + " " * 2_000_000,
    "channels": "<|channel|>final" * 130_000,
    "escaped strings": json.dumps(json.dumps(json.dumps('{"a": [' * 20_000))),
    "nested strings": '{"a": ' * 900 + '"[1]"' + "}" * 900,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_two_megabytes_of_anything_are_read_in_few_attempts(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    raw_decode = json.JSONDecoder.raw_decode

    def count(self: json.JSONDecoder, s: str, idx: int = 0) -> tuple[Any, int]:
        nonlocal attempts
        attempts += self is TOLERANT
        return raw_decode(self, s, idx)

    monkeypatch.setattr(json.JSONDecoder, "raw_decode", count)
    with pytest.raises(BadReplyError):
        parse_conversation(text, ANY)
    assert 0 < attempts <= 1 + reply_module.MAX_MARKS, "as it stands, and from each mark"


def test_the_last_message_is_the_assistants_unless_any_will_do() -> None:
    text = reply(("user", "Hi"), ("assistant", "Hello"), ("user", "Bye"))
    assert reason_of(text) == "ends-with"
    assert parse_conversation(text, Rules(ends_with="any")) == talk("Hi", "Hello", "Bye")


@each_row("content", ["", " ", "\n\t \r\n", "\u00a0\u3000", "\u200b\ufeff\u2060", "\u2028"])
def test_a_content_without_a_visible_character_is_empty(content: str) -> None:
    assert reason_of(reply_with(content), ANY) == "empty-content"
    assert reason_of(reply_with(content), ASCII) == "empty-content"


@pytest.mark.parametrize("content", [" Hi ", "\n# Title\n\n\tcode\n", "a  b", '\\ " / { } ``` \\n'])
def test_a_content_is_kept_with_its_blanks(content: str) -> None:
    assert content_of(reply_with(content), ANY) == content
    assert content_of(reply_with(content), ASCII) == content


def test_a_carriage_return_before_a_newline_is_dropped() -> None:
    assert content_of(reply_with("one\r\ntwo\r\n"), ANY) == "one\ntwo\n"


CONTROL_CHARACTERS = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160))]


@pytest.mark.parametrize("rules", [ANY, ASCII], ids=["any", "ascii"])
@pytest.mark.parametrize("surroundings", ["Hi{}there", "Привет{}", "{}"])
def test_control_characters_are_refused(rules: Rules, surroundings: str) -> None:
    for character in CONTROL_CHARACTERS:
        escaped = reply_with(surroundings.format(character))
        raw = escaped.replace(json.dumps(character)[1:-1], character)
        assert reason_of(escaped, rules) == "control-characters"
        assert reason_of(raw, rules) == "control-characters"


def test_a_raw_tab_or_newline_inside_a_string_is_accepted() -> None:
    assert content_of(TALK_JSON.replace("Hello", "one\n\ttwo"), ANY) == "one\n\ttwo"


@each_row("rules", [ANY, ASCII])
@each_row("half", ["\\ud800", "\\udfff", "\\udc00\\ud800", "\ud83d"])
def test_half_of_a_surrogate_pair_is_refused(rules: Rules, half: str) -> None:
    assert reason_of(TALK_JSON.replace("Hello", f"a{half}b"), rules) == "charset"


def test_any_charset_leaves_text_alone() -> None:
    content = "“smart” — naïve e\u0301 日本語 😀\u200d\ufe0f \u202eabc\u202c a\u2028b\u2029c\u00a0\ufffd"
    assert content_of(reply_with(content), ANY) == content


@each_row(
    ("typographic", "plain"),
    [
        ("“Hi,” it’s ‘fine’ „so“ ‚so‘ 5′ 6″", "\"Hi,\" it's 'fine' \"so\" 'so' 5' 6\""),
        ("«oui» ‹non›", "\"oui\" 'non'"),
        ("1–2, well‑known, wait—what, −1", "1-2, well-known, wait--what, -1"),
        ("wait…", "wait..."),
        ("¿Qué? ¡Olé!", "?Que? !Ole!"),
        ("• one\n◦ two", "- one\n- two"),
        ("8×H100, 3·4, 6÷2", "8xH100, 3*4, 6/2"),
        ("≤ ≥ ≠ ± ≈ → ← ↔ ⇒", "<= >= != +/- ~ -> <- <-> =>"),
        ("© ® ™", "(c) (r) (tm)"),
        ("a\u00a0b\u202fc\u3000d\u2009e", "a b c d e"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        (
            "zero\u200bwidth soft\u00adhyphen \ufeff\u200d\ufe0fend \u202eleft\u202c",
            "zerowidth softhyphen end left",
        ),
        ("café naïve Zürich Łódź smörgåsbord", "cafe naive Zurich Lodz smorgasbord"),
        ("Straße Ørsted Æsop œuvre þorn ışık ﬁne ǅ", "Strasse Orsted Aesop oeuvre thorn isik fine Dz"),
        ("Việt Nam, nǐ hǎo, dziękuję", "Viet Nam, ni hao, dziekuje"),
        ("cafe\u0301 x\u0304\u0323 e\u200d\u0301", "cafe x e"),
        ("Ｎａｎｏ！ （１） ｛～｝", "Nano! (1) {~}"),
        ("5 \u212a, 3 \u212b", "5 K, 3 A"),
    ],
)
def test_ascii_folds_what_has_a_plain_spelling(typographic: str, plain: str) -> None:
    assert content_of(reply_with(typographic), ASCII) == plain


@each_row(
    "character",
    [*"😀日あ한Жλשع€²ªº½°§✓𝐀₂", "\u0308", "\u20e3", "\u0149", "\U000e0041", "\ue000", "\ufffd"],
)
def test_ascii_refuses_what_has_no_plain_spelling_and_names_it(character: str) -> None:
    with pytest.raises(BadReplyError, match=rf"message 2 holds U\+{ord(character):04X}, ") as caught:
        parse_conversation(reply_with(f"so – {character}, 😀"), ASCII)
    assert caught.value.reason == "charset"


def test_an_accent_on_anything_but_a_latin_letter_is_not_dropped() -> None:
    assert reason_of(reply_with("a =\u0338 b"), ASCII) == "charset"
    assert reason_of(reply_with("5\u20de"), ASCII) == "charset"


def test_accents_without_end_are_folded_in_linear_time() -> None:
    assert fold_to_ascii("e" + "\u0301\u0323" * 500_000) == "e"


class Passes(str):
    """A text that counts how often it is gone over."""

    __slots__ = ()
    passes = 0

    def replace(self, *arguments: Any) -> "Passes":
        Passes.passes += 1
        return Passes(super().replace(*arguments))

    def translate(self, table: Any) -> "Passes":
        Passes.passes += 1
        return Passes(super().translate(table))


def test_folding_goes_over_a_text_a_few_times_however_many_letters_there_are() -> None:
    letters = [chr(code) for code in range(0xA0, 0x2100) if fold_to_ascii(chr(code)) != chr(code)]
    assert len(letters) > 900
    expected = [fold_to_ascii(letter) for letter in letters]
    Passes.passes = 0
    assert str(fold_to_ascii(Passes(" ".join(letters)))) == " ".join(expected)
    assert Passes.passes == 1


def test_folding_knows_every_letter_of_latin_alphabets() -> None:
    supplement, extended_a = range(0xC0, 0x180), range(0x1E00, 0x1E9A)
    letters = [chr(code) for code in (*supplement, *extended_a) if chr(code).isalpha() and code != 0x149]
    assert all(fold_to_ascii(letter).isalpha() and fold_to_ascii(letter).isascii() for letter in letters)


def test_folding_never_turns_one_character_into_a_control_character() -> None:
    folded = {fold_to_ascii(chr(code)) for code in range(0xA0, 0x10000)}
    plain = {text for text in folded if text.isascii()}
    assert all(text.isprintable() for text in plain - {"\n"})


@given(any_text)
def test_folding_twice_is_folding_once(text: str) -> None:
    folded = fold_to_ascii(text)
    assert fold_to_ascii(folded) == folded


@given(any_text)
def test_under_ascii_a_content_is_ascii_or_refused(content: str) -> None:
    outcome = outcome_of(reply_with(content), ASCII)
    if isinstance(outcome, BadReplyError):
        assert outcome.reason in {"charset", "control-characters", "empty-content"}
        return
    kept = outcome[1].content
    assert kept.isascii()
    assert kept.replace("\n", "").replace("\t", "").isprintable()
    assert content_of(reply_with(kept), ASCII) == kept


WORDS = ["user", "assistant", "human", "gpt", "system", "User", TALK_JSON, "{", "[]"]
KEYS = ["messages", "role", "content", "x", "conversations", "from", "value", "user", "assistant", "data"]
json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | any_text | st.sampled_from(WORDS),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
)


turns = st.lists(st.tuples(st.sampled_from(["user", "assistant"]), any_text))
replies = any_text | json_like.map(json.dumps) | turns.map(lambda messages: reply(*messages))


@given(replies, st.sampled_from([ANY, ASCII]), st.sampled_from(["stop", "length", None]))
def test_any_reply_is_a_conversation_or_a_bad_reply(text: str, rules: Rules, finish_reason: str | None) -> None:
    outcome = outcome_of(text, rules, finish_reason=finish_reason)
    if isinstance(outcome, BadReplyError):
        assert str(outcome).isprintable()
    else:
        assert decode_line(encode_line(outcome)) == outcome


@given(st.integers(0, len(TALK_JSON)), any_text)
def test_a_damaged_reply_is_a_conversation_or_a_bad_reply(position: int, damage: str) -> None:
    outcome = outcome_of(TALK_JSON[:position] + damage + TALK_JSON[position:], ANY)
    if isinstance(outcome, BadReplyError):
        assert str(outcome).isprintable()
    else:
        assert [each.role for each in outcome] == ["user", "assistant"]


def test_a_line_is_an_array_of_role_and_content() -> None:
    line = b'[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]\n'
    assert encode_line(TALK) == line


def test_a_line_with_metadata_is_an_object() -> None:
    line = encode_line(TALK, {"index": 7, "topic": "tokenizer"})
    assert json.loads(line) == {
        "messages": json.loads(TALK_JSON),
        "metadata": {"index": 7, "topic": "tokenizer"},
    }
    assert list(json.loads(line)) == ["messages", "metadata"]
    assert decode_line(line) == TALK


@given(conversations, st.none() | st.dictionaries(st.text(), st.text() | st.integers(0, 9)))
@example(talk("a\u2028b\u2029c\x85d", "\x00\x0b\x0c\x1c\x1d\x1e\r\n\x7f"), {"\u2028": "\x85"})
def test_a_line_is_one_line_and_reads_back_identical(
    conversation: Conversation, metadata: dict[str, str | int] | None
) -> None:
    line = encode_line(conversation, metadata)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line.decode().splitlines()) == 1
    assert decode_line(line) == conversation
    if metadata is not None:
        assert json.loads(line)["metadata"] == metadata


def spaced(document: object) -> str:
    return json.dumps(document, indent=1).replace("\n", "\t ")


def with_keys_reversed_and_added(document: list[dict[str, str]]) -> str:
    return json.dumps([{"n": float("nan"), **dict(reversed(each.items())), "id": 10**5_00} for each in document])


def wrapped(document: object) -> str:
    return json.dumps({"metadata": {"index": None, "score": float("inf")}, "messages": document}, ensure_ascii=False)


def slashes_escaped(document: object) -> str:
    return json.dumps(document).replace("/", "\\/")


@given(conversations, st.sampled_from([spaced, with_keys_reversed_and_added, wrapped, slashes_escaped]))
def test_a_line_rewritten_by_a_tool_is_the_same_conversation(
    conversation: Conversation, rewrite: Callable[[list[dict[str, str]]], str]
) -> None:
    rewritten = decode_line(rewrite(json.loads(encode_line(conversation))).encode())
    assert rewritten == conversation
    assert digest_conversation(rewritten) == digest_conversation(conversation)


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b" \n"])
def test_a_line_may_begin_with_a_byte_order_mark_and_end_in_any_way(ending: bytes) -> None:
    assert decode_line(TALK_JSON.encode() + ending) == TALK
    assert decode_line(b"\xef\xbb\xbf" + TALK_JSON.encode() + ending) == TALK


def test_a_line_is_not_asked_for_the_rules() -> None:
    assert decode_line(b'[{"role": "system", "content": ""}]') == (Message("system", ""),)


@each_row(
    "line",
    [
        b"",
        b"\n",
        b"[]",
        b'{"messages": []}',
        b"{}",
        b'"text"',
        b"17",
        b"[1]",
        b'[{"role": "user"}]',
        b'[{"role": "user", "content": null}]',
        b'[{"role": 1, "content": "Hi"}]',
        b'{"messages": {"role": "user", "content": "Hi"}}',
        TALK_JSON.encode()[:-1],
        TALK_JSON.encode() * 2,
        TALK_JSON.encode("utf-16"),
        b'[{"role": "user", "content": "\xff"}]',
        b'[{"role": "user", "content": "\\ud800"}]',
        b'[{"role": "\\udfff", "content": "Hi"}]',
        DEEP.encode(),
        TALK_JSON.replace('"Hi"', '"Hi", "extra": ' + DEEP).encode(),
        b"\x00" * 100,
    ],
)
def test_a_line_that_is_no_conversation_says_why(line: bytes) -> None:
    with pytest.raises(NotAConversationError) as caught:
        decode_line(line)
    assert str(caught.value).isprintable()
    assert 0 < len(str(caught.value)) < 120


@given(st.binary() | json_like.map(json.dumps).map(str.encode))
def test_any_bytes_are_a_conversation_or_not(line: bytes) -> None:
    try:
        conversation = decode_line(line)
    except NotAConversationError:
        return
    assert decode_line(encode_line(conversation)) == conversation
    assert len(digest_conversation(conversation, XXH3)) == 16


@pytest.mark.parametrize(
    ("line_hash", "digest"),
    [(BLAKE2B, "2bf17520c3973b9f4c84fe7d62315292"), (XXH3, "5327cc28db71b7d433e91e5e5ef8c75f")],
)
def test_the_digest_is_frozen(line_hash: LineHash, digest: str) -> None:
    assert digest_conversation(TALK, line_hash).hex() == digest


@given(conversations, conversations)
@example(talk("ab", "c"), talk("a", "bc"))
@example((Message("user", "1:a"),), (Message("user1:", "a"),))
@example((Message("a", "b"), Message("c", "d")), (Message("a", "b1:c1:d"),))
@example((Message("a", "b"),), (Message("b", "a"),))
@example(talk("é"), talk("e\u0301"))
def test_the_digest_tells_any_two_conversations_apart(one: Conversation, other: Conversation) -> None:
    for line_hash in (BLAKE2B, XXH3):
        assert (digest_conversation(one, line_hash) == digest_conversation(other, line_hash)) == (one == other)
