"""What an assistant of a bicycle shop may say, in German and in English: how much of it grounding lets pass.

The answers in `shop/` were written as a model would word them. Half of them, `unseen`, were written before the rules
were looked at. `elsewhere` is a swimming pool in German and a library in English.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from asyncgen.audit.grounding.grounding import Grounding
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Conversation, Message
from asyncgen.data.dataset import Record

SHOP = Path(__file__).parent / "shop"
MOST_FALSE, LEAST_FOUND = 0.05, 0.8


def read_exchanges(name: str) -> Iterator[tuple[str, Conversation]]:
    """A question "? ...", then its answer: "+ ..." for a correct one, "- ..." for an invention, on as many lines."""
    for block in f"\n{(SHOP / name).read_text(encoding='utf-8').strip()}".split("\n? ")[1:]:
        question, *answer = block.split("\n")
        content = "\n".join(line[2:] for line in answer)
        yield answer[0][0], (Message("user", question), Message("assistant", content))


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize(
    ("name", "knowledge", "correct", "inventions"),
    [
        ("unseen", "knowledge", 60, 30),
        ("worked_on", "knowledge", 60, 30),
        ("elsewhere", "knowledge_elsewhere", 25, 15),
    ],
)
def test_correct_answers_pass_and_inventions_do_not(
    name: str, knowledge: str, correct: int, inventions: int, language: str
) -> None:
    grounding = Grounding((SHOP / f"{knowledge}_{language}.md").read_text(encoding="utf-8"))
    false, missed, counts = [], [], {"+": 0, "-": 0}
    for kind, conversation in read_exchanges(f"{name}_{language}.txt"):
        found = [
            each
            for each in grounding.check(Subject(Record(1, 0, conversation, None), None, "any"))
            if each.rule == "ungrounded"
        ]
        counts[kind] += 1
        if kind == "+" and found:
            false.append(f"{found[0].evidence}")
        if kind == "-" and not found:
            missed.append(conversation[1].content)
    print(f"\n{language} {name:10} {len(false)} of {counts['+']} false, {len(missed)} of {counts['-']} missed", end="")  # noqa: T201 - for -s
    wrong = "\n".join([*(f"false: {each}" for each in false), *(f"missed: {each}" for each in missed)])
    assert counts == {"+": correct, "-": inventions}
    assert len(false) <= MOST_FALSE * counts["+"], wrong
    assert len(missed) <= (1 - LEAST_FOUND) * counts["-"], wrong
