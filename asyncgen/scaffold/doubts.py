"""What may be wrong with documents as a knowledge base, and with the languages that are asked for: each a sentence."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html.entities import html5
from itertools import chain

from asyncgen.recipe.documents import Document
from asyncgen.recipe.language import NAMES
from asyncgen.scaffold.convert import without_code
from asyncgen.scaffold.documents import Collected, outline, tell_files
from asyncgen.scaffold.recipe import KNOWN
from asyncgen.text import estimate_tokens, name_some, quantity

MOST_TOKENS = 50_000  # of a knowledge base that is sent whole with every request
MUCH_FOR_A_TOPIC = 10_000  # characters
_MUCH = 0.25  # of all text: tables and lists of names tell no language
_MARKUP = re.compile(
    r"</?(?P<tag>[a-zA-Z][a-zA-Z0-9]*)(?:\s+[\w:-]+\s*=[^<>\n]{0,200})?\s*/?>|&(?:(?P<entity>[a-zA-Z]{2,8})|#\d{2,6});"
    r"|<!--|\{[{%][^{}\n]{0,80}[%}]\}"
)
_TAGS = frozenset(
    re.findall(
        r"\w+",
        """
    a abbr article aside b blockquote body br button center code dd details div dl dt em font footer form h1 h2 h3 h4 h5
    h6 head header hr html i iframe img input label li link main meta nav ol option p pre script section select small
    span strong style sub summary sup svg table tbody td textarea tfoot th thead title tr u ul video
    """,
    )
)


def find_doubts(collected: Collected) -> list[str]:
    """What may be wrong with a knowledge base, each as a sentence."""
    text = collected.knowledge.join()
    doubts = []
    if collected.skipped:
        files = quantity(sum(map(len, collected.skipped.values())), "file is", "files are")
        doubts.append(f"{files} left out: {tell_files(collected.skipped)}")
    if collected.doubted:
        doubts.append(
            f"perhaps read wrong: {tell_files(collected.doubted)}; where knowledge.md is wrong, save the document as "
            "UTF-8, or show what it hides, and renew it with --update"
        )
    found = (
        each[0]
        for each in _MARKUP.finditer(without_code(text))
        if (each["tag"] is None or each["tag"].lower() in _TAGS)  # prose has its <name> and its R&D; too
        and (each["entity"] is None or f"{each['entity']};" in html5)
    )
    if marks := list(found):
        times = quantity(len(marks), "time")
        doubts.append(f"markup is left in knowledge.md, {times}: {name_some(list(dict.fromkeys(marks)))}")
    if "</knowledge>" in text:
        doubts.append(
            "knowledge.md holds </knowledge>, the mark at its end: strike it out there, or write another mark into "
            "system.md"
        )
    long = [each for each in collected.knowledge.documents if len(each.text) > MUCH_FOR_A_TOPIC]
    if thin := [each.source for each in long if len(outline(each).sections) == 1]:
        doubts.append(
            f"one topic stands for all of a long document without headings: {name_some(thin)}; write more of them into "
            "recipe.toml, or let a --model suggest some"
        )
    if (tokens := estimate_tokens(len(text.encode()))) > MOST_TOKENS:
        doubts.append(
            f"about {tokens:,} tokens of knowledge go with each request: models lose sight of what is in the middle, "
            "and all of it is paid for; a dimension with passages = 400 sends each scenario its part "
            "(asyncgen help recipes)"
        )
    return doubts


def doubt_languages(
    chosen: Sequence[str],
    spoken: Mapping[str, Sequence[str]],
    documents: Sequence[Document],
    *,
    is_chosen: bool = False,
) -> Iterator[str]:
    """What may be wrong with the languages of conversations. `spoken`: the documents in each language.

    `is_chosen`: by the user, who knows in what language documents are of which nobody can tell.
    """
    named = " and ".join(NAMES[each] for each in chosen)
    told = set(chain.from_iterable(spoken.values()))
    untold = [each for each in documents if each.source not in told]
    share = sum(len(each.text) for each in untold) / sum(len(each.text) for each in documents)
    if share > _MUCH and not is_chosen:
        some = f"some documents ({name_some([each.source for each in untold])})"
        which = f"{some if told else 'the documents'} are in"
        yield (
            f"what language {which} cannot be told, and conversations are in {named}; --language says "
            "another, and pip install 'asyncgen[language]' tells more languages apart"
        )
    for code in spoken:
        if code not in chosen:
            codes = ",".join((*chosen, code))
            yield (
                f"conversations are in {named}, and some documents in {NAMES.get(code, code)}: "
                f"{name_some(spoken[code])}; a recipe of another name, made with --language {codes}, has both"
            )
    for code in chosen:
        if code not in KNOWN:
            yield (
                f"how users of {NAMES[code]} write is not known here: their personas, dynamics and openers in "
                "recipe.toml are English; put them into your words"
            )
