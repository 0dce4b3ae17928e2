"""Further values of a dimension, as a model suggests them: those that it would not have named first.

Asked for one value after another, a model gives the likely ones again and again. Asked for many at once, each with its
probability and from the tails, it gives what it knows besides (verbalized sampling, Zhang et al. 2025). Its
probabilities are no measure of anything, but of an answer with more than is wanted the least likely are taken.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from asyncgen.errors import BadReplyError
from asyncgen.recipe.language import NAMES
from asyncgen.recipe.recipe import Recipe
from asyncgen.scaffold.asks import Ask, choose_shown, find_kind, pick_evenly
from asyncgen.scaffold.draft import KINDS, STATEMENTS, Drafter, clean_line, split_weight
from asyncgen.scaffold.likeness import Likeness
from asyncgen.scaffold.loose_json import read_loosely
from asyncgen.text import name_some

CANDIDATES = 20  # of a call
CALLS = 2  # at most, for each of as many calls as would do if nothing were left out
ANSWER_TOKENS = 60 * CANDIDATES  # of a call, for what it may cost
USUAL = 60  # characters of a value
TOPICS_SHOWN = 40
ALIKE = 0.7  # of the words that two values have, those that both have
SAME_FACT = 0.9  # where one word is another fact
UNREAD = ("personas", "openers")  # kinds that come from people who have not read the documents


class Candidate(NamedTuple):
    group: str
    text: str
    probability: float


def most_calls(number: int) -> int:
    return CALLS * -(-number // CANDIDATES)


def write_request(recipe: Recipe, ask: Ask, found: Sequence[Candidate]) -> str:
    """What never changes comes first, the documents, so that the second call reads them from a provider's cache.

    Users are to sound like people who have the answers not on the table, so what they say is asked for without them.
    """
    kind = KINDS.get(ask.kind)
    if ask.kind not in UNREAD:
        before = f"These are the documents:\n\n<knowledge>\n{recipe.knowledge}\n</knowledge>\n\n"
    else:
        topics = [each for each in recipe.dimensions if find_kind(each.name) == "topics"]
        values = [value for each in topics for value in each.values]
        listed = "\n".join(f"- {each}" for each in pick_evenly(values, TOPICS_SHOWN))
        before = f"These are some of the things that users come for:\n\n{listed}\n\n" if values else ""
    shown = choose_shown({group: [each.text for each in found if each.group == group] for group in ask.groups})
    told = [
        (f"{group}:\n" if len(ask.known) > 1 else "") + "\n".join(f"- {each}" for each in (*values, *shown[group]))
        for group, values in ask.known.items()
    ]
    words = {
        "{known}": "\n\n".join(told),
        "{number}": str(CANDIDATES),
        "{list}": ask.kind,
        "{what}": kind.what if kind else f"values of the dimension {ask.kind!r}",
        "{name}": recipe.name,
        "{description}": recipe.description.rstrip(".") or recipe.name,
        "{language}": NAMES[ask.language] if ask.language else "the language of what is there",
        "{group}": '"group": "...", ' if len(ask.known) > 1 else "",
        "{knowledge}": before,
    }
    template = (Path(__file__).parent / "widen.md").read_text(encoding="utf-8")
    return re.sub("|".join(map(re.escape, words)), lambda word: words[word[0]], template)


def foresee_requests(recipe: Recipe, ask: Ask) -> list[str]:
    """As many as there are at most, and as long as they will be: each names what those before it have found."""
    usual = Candidate(ask.groups[0], "." * USUAL, 1.0)
    found = [min(calls * CANDIDATES // CALLS, ask.number) for calls in range(most_calls(ask.number))]
    return [write_request(recipe, ask, [usual] * each) for each in found]


def read_candidates(text: str, groups: Sequence[str], kind: str) -> list[Candidate]:
    """The least likely first. Raises BadReplyError where there is no list of them, or none is of a group of these."""
    outermost: list[object] = list(read_loosely(text))
    listed = max([_list_given(outermost), *map(_list_given, outermost)], key=len)
    meant = {each.casefold(): each for each in groups}
    found, strange = [], []
    for above, each in listed:
        given = each if isinstance(each, dict) else {"text": each}
        named = clean_line(given.get("group", above)) or "none"
        group = groups[0] if len(groups) == 1 else meant.get(named.casefold())
        line = clean_line(given.get("text"))
        if line and kind == STATEMENTS:
            line, _ = split_weight(line)
        probability = given.get("probability")
        if line and group is None:
            strange.append(named)
        elif line and group is not None:
            found.append(Candidate(group, line, probability if isinstance(probability, int | float) else 1.0))
    if strange and not found:
        names = name_some([*dict.fromkeys(strange)], 3)
        raise BadReplyError(
            "no-such-group", f"the model names groups that the list has not ({names}); try again, or another --model"
        )
    if not found and (listed or not outermost):
        raise BadReplyError("not-json", "the model gave no list of values; try again, or another --model")
    return sorted(found, key=lambda each: each.probability)


def _list_given(found: object) -> list[tuple[str, object]]:
    """What may be values, each with the name of the list that it stands in: models also make a list of each group."""
    if isinstance(found, dict):
        return [(name, each) for name, listed in found.items() if isinstance(listed, list) for each in listed]
    return [("", each) for each in found if isinstance(each, dict | str)] if isinstance(found, list) else []


async def widen(
    drafter: Drafter,
    recipe: Recipe,
    ask: Ask,
    found: list[Candidate],
    split: Callable[[str], Sequence[bytes]],
) -> None:
    """Fills `found` with at most as many as are asked for, like nothing that is there.

    It ends early where a call has brought nothing. `split`: the words of a text. Raises what a call raises, and what
    the calls before it have found is there all the same.
    """
    likeness = Likeness(split, SAME_FACT if ask.kind == STATEMENTS else ALIKE)
    for _ in range(most_calls(ask.number)):
        request = write_request(recipe, ask, found)
        candidates = await drafter.ask(request, partial(read_candidates, groups=ask.groups, kind=ask.kind))
        by_text = {each.text: each for each in candidates}
        new = likeness.find_new(by_text, chain(*ask.values, [each.text for each in found]))
        found += [by_text[each] for each in new][: ask.number - len(found)]
        if len(found) >= ask.number or not new:
            break
