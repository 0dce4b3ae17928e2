import re
import string
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.audit.checks import line_checks
from asyncgen.audit.lints.addresses import find_emails
from asyncgen.audit.lints.control_tokens import find_control_token
from asyncgen.audit.lints.credentials import find_secret
from asyncgen.audit.lints.endings import find_break
from asyncgen.audit.lints.markup import find_markdown
from asyncgen.audit.rules import MAX_EVIDENCE, PHRASE_RULES, RULES, Finding
from asyncgen.audit.subject import Check, Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Charset
from asyncgen.recipe.scenario import Drawn

RECIPE = load_recipe("nanochat")
SCENARIO: dict[str, Drawn] = {
    "topic": (("identity", "where the name nanochat comes from and how it relates to nanoGPT"),),
    "persona": (("", "a skeptic who doubts that something this small and cheap can be any good"),),
    "first_message_examples": (("a", "What should I know about you before we start?"), ("b", "Hello hello")),
}


@cache
def all_checks() -> list[Check]:
    return line_checks(RECIPE.system)


def find(*contents: str, charset: Charset = "ascii", scenario: dict[str, Drawn] | None = None) -> list[Finding]:
    """What all checks say about a conversation that a user begins."""
    messages = tuple(Message(("user", "assistant")[place % 2], each) for place, each in enumerate(contents))
    subject = Subject(Record(7, 0, messages, None), scenario, charset)
    return [finding for check in all_checks() for finding in check(subject)]


def rules_in_answer(answer: str, question: str = "hi") -> set[str]:
    return {each.rule for each in find(question, answer) if each.message == 1}


@each_row(
    "answer",
    [
        "According to the knowledge base, I have 24 layers.",
        "Based on the provided context, I cost about $73.",
        "As described in my prompt, I am small.",
        "In this scenario, I would say yes.",
        "My instructions say that I keep it brief.",
        "The information provided to me does not say that.",
        "Persona: a skeptic.",
        "It speaks of itself in the first person, as nanochat, and as an AI model.",
    ],
)
def test_talk_of_the_prompt_is_a_prompt_leak(answer: str) -> None:
    assert "prompt-leak" in rules_in_answer(answer)


@each_row(
    "answer",
    [
        "I have no knowledge base to search, and no internet.",
        "The engine prefills the prompt once; tokens in the prompt are read together.",
        "The context given to attention is 2,048 tokens.",
        "Even in a worst-case scenario it runs on one GPU.",
        "The documents in FineWeb-EDU are educational web pages.",
    ],
)
def test_prompts_and_contexts_of_a_model_are_no_leak(answer: str) -> None:
    assert not rules_in_answer(answer)


def test_a_piece_of_the_prompt_is_found_in_whatever_message_repeats_it() -> None:
    found = find("hi", "Hello!", "When the user believes something false, it corrects that gently, in passing.", "Yes.")

    assert [(each.rule, each.message) for each in found] == [("prompt-leak", 2)]


def test_a_run_across_two_messages_is_no_piece_of_the_prompt() -> None:
    assert not find("all facts about nanochat are", "between the two marked rows below.")


def test_a_persona_in_the_words_of_the_recipe_is_a_prompt_leak() -> None:
    found = find("I am a skeptic who doubts that something this small can work.", "Fair enough.", scenario=SCENARIO)

    assert [(each.rule, each.message) for each in found] == [("prompt-leak", 0)]


def test_topic_and_examples_may_be_said_in_the_words_of_the_recipe() -> None:
    topic = "Tell me where the name nanochat comes from and how it relates to nanoGPT."

    assert not find(topic, "Sure.", "What should I know about you before we start?", "Not much.", scenario=SCENARIO)


TURNS = [value for dimension in RECIPE.dimensions if dimension.name == "turn" for value in dimension.values]


def test_what_a_turn_has_somebody_say_or_believe_may_be_said_in_its_words_and_its_stage_direction_not() -> None:
    quoted = [re.findall('"([^"]*)"', turn) for turn in TURNS]
    believed = [re.search(r"believes that (.*),", turn) for turn in TURNS]
    said = [(turn, pair[0], pair[1]) for turn, pair in zip(TURNS, quoted, strict=True) if len(pair) == 2]
    said += [(turn, f"I read that {each[1]}.", "No.") for turn, each in zip(TURNS, believed, strict=True) if each]
    assert len(said) > 40
    for turn, user, answer in said:
        assert "prompt-leak" not in {each.rule for each in find(user, answer, scenario={"turn": (("", turn),)})}, turn
    for turn in TURNS[1:]:
        scenario: dict[str, Drawn] = {"turn": (("", turn),)}
        assert "prompt-leak" in {each.rule for each in find("hi", f"Here {turn}.", scenario=scenario)}, turn


def test_a_passage_may_be_said_in_its_own_words() -> None:
    passage = "# Fees\n\nA lost card costs ten euros and a new one is made at the desk within a day."
    scenario: dict[str, Drawn] = {"passage": (("", passage),)}

    assert not find("I lost mine.", "A lost card costs ten euros and a new one is made at the desk.", scenario=scenario)


def test_a_user_who_was_sent_here_gives_no_prompt_away() -> None:
    assert not find("Mir wurde gesagt, ich soll hier fragen.", "Gern.", charset="any")


def test_curly_apostrophes_are_apostrophes() -> None:
    assert rules_in_answer("I\u2019m just an AI and can\u2019t do that.") >= {"ai-disclaimer"}


def test_a_text_that_the_user_handed_over_may_be_spoken_of() -> None:
    assert "prompt-leak" not in rules_in_answer("The passage mentions a cat.", "Sum up this passage: the cat sat.")
    assert "prompt-leak" in rules_in_answer("The passage mentions a cat.", "What sat on the mat?")


@pytest.mark.parametrize("rule", PHRASE_RULES)
def test_a_recipe_adds_phrases(rule: str) -> None:
    checks = line_checks(phrases={rule: ("secret sauce",)})
    subject = Subject(
        Record(1, 0, (Message("user", "hi"), Message("assistant", "A Secret\nsauce.")), None), None, "ascii"
    )

    assert [each.rule for check in checks for each in check(subject)] == [rule]


@each_row(
    "answer",
    [
        "As an AI language model, I cannot have feelings.",
        "My knowledge cutoff is September 2021.",
        "I'm just an AI and cannot do that.",
        "As a large language model, I try my best.",
        "I am a large language model trained by Google.",
        "I don't have personal opinions.",
    ],
)
def test_stock_disclaimers_are_found(answer: str) -> None:
    assert rules_in_answer(answer) == {"ai-disclaimer"}


@each_row(
    "answer",
    [
        "I am an AI model called nanochat.",
        "As an AI model called nanochat, I am small.",
        "I am only a small language model, so check what I say.",
        "nanochat, as a small language model, makes mistakes.",
        "My knowledge cutoff is not known.",
    ],
)
def test_saying_what_it_is_is_no_disclaimer(answer: str) -> None:
    assert not rules_in_answer(answer)


def test_a_cutoff_that_was_asked_for_is_no_disclaimer() -> None:
    assert not rules_in_answer("My knowledge cutoff? Nobody wrote it down.", "What is your knowledge cut-off?")


@each_row(
    "text",
    [
        "Sure thing.<|im_end|>",
        "<|assistant_start|>Hello there!",
        "Hi.</s>",
        "<s> Hello",
        "[INST] hi [/INST] ok.",
        "Hello. <|endoftext|>",
        "Fine.<end_of_turn>\n<start_of_turn>model\nYes.",
        "Nine special tokens mark turns.<|im_end|>\n<|im_start|>assistant",
        "<think>\nhm\n</think>\nYes.",
        "### Response:\nYes.",
    ],
)
def test_leaked_control_tokens_are_found(text: str) -> None:
    assert find_control_token(text)


@each_row(
    "text",
    [
        "My special tokens include <|bos|> and <|user_start|>, and <|assistant_end|>.",
        'The token that begins a document is "<|bos|>".',
        "<|bos|> marks where a document begins; it is a special token.",
        "What does the tag </s> mean?",
        "a < b | c > d",
        "See [1] and [INSTALL].",
    ],
)
def test_discussed_control_tokens_are_not(text: str) -> None:
    assert find_control_token(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to jane.doe+x@mail.example.com.", "jane.doe+x@mail.example.com"),
        ("Follow @karpathy", None),
        ("git@github.com:karpathy/nanochat.git", None),
        ("Start backup@weekly.timer.", None),
        ("3 @ 4.50", None),
    ],
)
def test_email_addresses(text: str, found: str | None) -> None:
    assert [text[slice(*span)] for span in find_emails(text)] == ([] if found is None else [found])


@each_row(
    "text",
    [
        "sk-proj-abcd1234efgh5678ijkl",
        "ghp_" + "a1B2c3D4e5F6" * 3,
        "AKIA1234567890ABCDEF",
        "Authorization: Bearer abcdef1234567890abcdef12",
        "-----BEGIN RSA PRIVATE KEY-----",
        'API_KEY = "k3j4h5g6f7d8s9a0"',
    ],
)
def test_keys_are_found_and_not_repeated(text: str) -> None:
    [finding] = find("hi", f"It is {text}.")

    assert finding.rule == "secret"
    assert text not in finding.evidence


@pytest.mark.parametrize(
    "text",
    [
        "Commit 3a5e0bc9415931f0f00788aa42f40d13a1b2c3d4.",
        "sk-your-key-goes-here-please",
        "Set OPENROUTER_API_KEY=...",
        "a risk-averse token",
    ],
)
def test_hashes_and_placeholders_are_no_keys(text: str) -> None:
    assert find_secret(text) is None


def test_non_ascii_counts_only_where_ascii_is_asked() -> None:
    [finding] = find("hi", "A caf\u00e9.")

    assert (finding.rule, finding.message) == ("non-ascii", 1)
    assert "U+00E9" in finding.evidence
    assert not find("hi", "A caf\u00e9.", charset="any")


@each_row(
    "text",
    [
        "## Title\nText.",
        "# Title\n\nText.",
        "It is **bold** here.",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "That is *really* small.",
        "A ~~hundred~~ few.",
        "See [docs](https://x.y).",
    ],
)
def test_markdown_is_found(text: str) -> None:
    assert find_markdown(text)


@each_row(
    "text",
    [
        "- one\n- two",
        "1. one\n2. two",
        "2**10 and 2**3",
        "# a comment\nx = 3",
        "__init__ and __main__",
        "a | b",
        "#nanochat",
        "f(**kwargs)",
        "x[0](y)",
        "```\n# a comment\n```",
        "2 * 3 * 4",
        "resid_lambda and x0_lambda",
    ],
)
def test_lists_and_code_are_no_markdown(text: str) -> None:
    assert find_markdown(text) is None


@each_row(
    "text",
    [
        "The model is trained on",
        "I think (and this never ends.",
        'He said "this is it.',
        "```python\ncode",
        "It has three parts:",
        "and the last one is training,",
    ],
)
def test_broken_off_answers_are_found(text: str) -> None:
    assert find_break(text)


@each_row(
    "text",
    [
        "Done.",
        'She said "hi" (really)',
        "- one\n- two",
        "Try:\n\ndef f(x):\n    return x + 1",
        "It is at https://github.com/karpathy/nanochat",
        "Sure :)",
        "See you",
        "Down by the harbour, I believe",
        "The answer is B",
        "17 * 23 = 391",
        "Roses are red\nViolets are blue\nI am a model\nAnd tiny too",
        "A string with .count( for letters is allowed.",
        'A 24" monitor.',
        'Das Rad heißt \u201eKranich". Es ist leicht.',
        "```\ncode\n```",
    ],
)
def test_answers_that_end_without_a_full_stop_for_a_reason_are_whole(text: str) -> None:
    assert find_break(text) is None


def test_what_dangles_in_one_language_may_end_a_sentence_in_another() -> None:
    assert find_break("Ruf uns einfach an", "de") is None
    assert find_break("Call us at an", "en")


@each_row(
    "answer",
    [
        "I am small.\nUser: How small?\nAssistant: Very.",
        "Human: what is this?",
        "Hi nanochat, nice to meet you.",
        "Good afternoon nanochat.",
        "Thanks, nanochat! Who made you?",
        "I am a complete beginner, so keep it simple.",
        "nanochat: Hello there.",
    ],
)
def test_an_assistant_that_speaks_as_the_user_is_found(answer: str) -> None:
    assert rules_in_answer(answer) == {"role-confusion"}


@pytest.mark.parametrize("question", ["I am nanochat, a small model.", "How can I help you today?", "Assistant: hello"])
def test_a_user_that_speaks_as_the_assistant_is_found(question: str) -> None:
    assert [(each.rule, each.message) for each in find(question, "Hello.")] == [("role-confusion", 0)]


@each_row(
    ("asked", "said", "is_confused"),
    [
        ("At most twelve people can come?", "At most twelve people can come.", False),  # a question and its answer
        ("Höchstens zwölf Personen können teilnehmen?", "Höchstens zwölf Personen können teilnehmen.", False),
        ("At most twelve people can come?", "At most twelve people can come?", True),
        ("At most twelve people can come.", "At most twelve people can come.", True),
        ("Is asbestos taken?", "Is asbestos taken?", True),
        ("Asbestos is taken.", "Asbestos is taken?", False),
        ("Good night!", "Good night!", False),
        ("I trained a d12 today.", "Cool! I trained a d12 today as well.", True),
        ("Ich möchte zum Herbst kündigen.", "Ich möchte zum Herbst kündigen, wie geht das?", True),
        ("I trained a d12 today.", "You trained a d12 today? Well done!", False),
        ("I trained a d12 today.", 'Write "I trained a d12 today" in the log.', False),
        ("Correct this: I trained a d12 today.", "I trained a d12 today is right.", False),
        ("I am not sure about that.", "I am not sure about that either.", False),
    ],
)
def test_who_says_what_the_other_has_said_or_has_said_of_itself_speaks_as_the_other_unless_that_answers_it(
    asked: str,
    said: str,
    is_confused: bool,  # noqa: FBT001
) -> None:
    assert ("role-confusion" in {each.rule for each in find(asked, said)}) == is_confused


def test_a_user_who_says_an_answer_again_speaks_as_the_assistant_however_short_it_is() -> None:
    found = find("Which cipher is used?", "XChaCha20-Poly1305.", "XChaCha20-Poly1305.", "It is a stream cipher.")
    assert [(each.rule, each.message) for each in found] == [("role-confusion", 2)]
    assert not find("Which cipher is used?", "XChaCha20-Poly1305.", "XChaCha20-Poly1305?", "Yes.")


@each_row(
    ("question", "answer"),
    [
        ("So you are nanochat?", "Yes, I am nanochat."),
        ("I am nanochat's biggest fan", "Thank you."),
        ("how can I help with nanochat?", "Read the code."),
        ("I'm a beginner", "You are a beginner, so I keep it simple."),
        ("hi", 'If you ask "who made you?", I say Karpathy.'),
        ("Write a dialogue between a user and a model", "User: Hi.\nAssistant: Hello."),
        ("hi", "Note: it works."),
    ],
)
def test_sides_that_keep_their_parts_are_not(question: str, answer: str) -> None:
    assert not find(question, answer)


@given(st.lists(st.text(alphabet=string.printable + "\u00e9\u2028", max_size=300), min_size=1, max_size=5))
def test_any_text_is_looked_at_and_evidence_stays_short(contents: list[str]) -> None:
    for finding in find(*contents, scenario=SCENARIO):
        assert finding.rule in RULES
        assert finding.line == 7
        assert len(finding.evidence) <= MAX_EVIDENCE


# ---- what the knowledge base says itself

SUPPORT = "Write to help@shop.example. Our customers' notes are in the knowledge base at https://shop.example/help."


@each_row(
    ("question", "answer"),
    [
        ("What's the alarm code?", "Seven seven one four."),
        ("What's the code word for the raffle?", "Andromeda."),
        ("The staff door?", "It's 5-9-0-2."),
        ("Which code opens the safe?", "It's 0-4-1-1."),
    ],
)
def test_an_answer_that_is_nothing_but_the_secret_asked_for_is_one(question: str, answer: str) -> None:
    assert "secret" in rules_in_answer(answer, question)


@pytest.mark.parametrize("answer", ["Unknown.", "Ask at the desk.", "Three or four."])
def test_an_answer_that_tells_no_secret_is_none(answer: str) -> None:
    assert "secret" not in rules_in_answer(answer, "What's the password of the door?")


def test_a_stage_direction_is_no_markup_and_an_emphasis_is() -> None:
    assert rules_in_answer("*Nods slowly.* It is small.") == {"role-confusion"}
    assert rules_in_answer("It is *really* small.") == {"markdown"}


def find_with(
    knowledge: str, answer: str, system_prompt: str | None = None, question: str = "Where can I find help?"
) -> set[str]:
    messages = (Message("user", question), Message("assistant", answer))
    checks = line_checks(system_prompt, knowledge=knowledge)
    return {each.rule for check in checks for each in check(Subject(Record(1, 0, messages, None), None, "any"))}


def test_an_address_of_the_knowledge_base_is_no_finding_and_another_is() -> None:
    assert find_with(SUPPORT, "Write to Help@shop.example.") == set()
    assert find_with(SUPPORT, "Write to help@shop.example or jane@shop.example.") == {"email"}
    assert find_with("", "Write to help@shop.example.") == {"email"}


def test_a_user_may_get_an_address_at_a_known_host_wrong_and_the_answer_may_not() -> None:
    asked = "Is it post@shop.com?"
    assert find_with(SUPPORT, "No, help@shop.example.", question=asked) == set()
    assert find_with(SUPPORT, "Yes, post@shop.com.", question=asked) == {"email"}
    assert find_with(SUPPORT, "No, help@shop.example.", question="I am jo@post.com.") == {"email"}


def test_a_cipher_of_the_knowledge_base_is_no_secret_and_another_word_of_that_form_is() -> None:
    answer = "The passphrase becomes a key by Argon2id, as the file with mode 0600 says."
    assert find_with("Keys are derived by Argon2id.", answer) == set()
    assert find_with("Keys are derived in some way.", "The passphrase is Hubertus2id.") == {"secret"}


def test_what_the_knowledge_base_says_is_no_leak_and_another_wording_is() -> None:
    assert find_with(SUPPORT, "Look into the knowledge base.") == set()
    assert find_with(SUPPORT, "According to the provided knowledge base, yes.") == {"prompt-leak"}
    assert find_with("", "Look into the knowledge base.") == {"prompt-leak"}


def test_a_piece_of_the_prompt_that_is_the_knowledge_base_s_too_is_no_leak() -> None:
    said = "We answer every question within two working days of its arrival."
    assert find_with("", said, said) == {"prompt-leak"}
    assert find_with(said, said, said) == set()
