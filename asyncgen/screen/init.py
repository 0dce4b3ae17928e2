"""What `asyncgen init` says: what was made of which documents, what a model suggests, and what comes next."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html.entities import html5
from pathlib import Path

from rich.text import Text

from asyncgen.money.price import format_cost
from asyncgen.recipe.language import NAMES
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.scaffold.documents import Collected, outline
from asyncgen.scaffold.draft import ANSWER_TOKENS, Drafts
from asyncgen.scaffold.folder import KNOWLEDGE_FILE
from asyncgen.scaffold.recipe import KNOWN
from asyncgen.screen.preview import COMPLETION_TOKENS, DEFAULT_PROVIDER, PRICES, Tokens, estimate_tokens, measure_prompt
from asyncgen.screen.rows import command_line, labelled_grid, plain_console, print_copied
from asyncgen.text import name_some, one_line

MOST_TOKENS = 50_000  # of a knowledge base that is sent whole with every request
MUCH_FOR_A_TOPIC = 10_000  # characters
CONVERSATIONS = 1000  # whose price is told
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
_CODE = re.compile(r"^ {0,3}(`{3,}|~{3,})[\s\S]*?(?:^ {0,3}\1|\Z)|`[^`\n]*`", re.MULTILINE)


def show_made(
    folder: Path, recipe: Recipe, collected: Collected, spoken: Mapping[str, Sequence[str]], output: Path
) -> None:
    """`spoken`: the documents in each language; `output`: of a run without flags."""
    console = plain_console()
    documents = collected.knowledge.documents
    size = len(recipe.knowledge.encode())
    topics = next(each for each in recipe.dimensions if each.name == "topic")
    number = sum(len(group.values) for group in topics.groups)
    rows = {
        "recipe": str(folder),
        "documents": f"{len(documents):,}: {name_some([each.source for each in documents])}",
        "knowledge": f"{size:,} bytes, about {estimate_tokens(size):,} tokens",
        "topics": f"{number:,}, from the headings",
        "language": ", ".join(recipe.language),
        "price": _describe_price(recipe),
    }
    console.print(labelled_grid(rows))
    _warn((*find_doubts(collected), *doubt_languages(recipe.language, spoken)))
    _show_next(folder, output)


def show_updated(folder: Path, where: Path, collected: Collected, missing: Sequence[str]) -> None:
    console = plain_console()
    size = len(collected.knowledge.join().encode())
    documents = [each.source for each in collected.knowledge.documents]
    rows = {
        "knowledge": f"{where}: {size:,} bytes, about {estimate_tokens(size):,} tokens",
        "documents": f"{len(documents):,}: {name_some(documents)}",
    }
    if missing:
        rows["new topics"] = f"{len(missing):,} headings are no topic of {folder / 'recipe.toml'}: {name_some(missing)}"
    console.print(labelled_grid(rows))
    if where.name != KNOWLEDGE_FILE:
        _warn([f"{folder / KNOWLEDGE_FILE} was edited and stays as it is; take from {where.name} what you want"])
    _warn(find_doubts(collected))
    print_copied(console, "next", command_line("check", folder))


def show_price(model: str, provider: str, requests: Sequence[str]) -> None:
    """Before anything is sent."""
    tokens = sum(estimate_tokens(len(each.encode())) for each in requests)
    calls = f"{len(requests)} call{'s' * (len(requests) > 1)} to {model} at {provider}"
    quote = PRICES.get((provider, model))
    cost = quote and format_cost(quote.price.cost(fresh=tokens, cached=0, output=ANSWER_TOKENS * len(requests)))
    plain_console().print(
        Text(one_line(f"{calls}: about {tokens:,} tokens in, {(cost and f'about {cost}') or 'no price known'}")),
        soft_wrap=True,
    )


def show_drafts(drafts: Drafts) -> None:
    console = plain_console()
    for language, draft in drafts.drafts.items():
        for kind, lines in draft.by_kind().items():
            console.print(Text(f"{kind} ({language})", style="bold"))
            for line in lines:
                console.print(Text(one_line(f"  {line}")), soft_wrap=True)
    if drafts.cost is not None:
        console.print(Text(f"cost {format_cost(drafts.cost)}"))


def show_copied(folder: Path, like: str, output: Path) -> None:
    console = plain_console()
    console.print(Text(one_line(f"{folder} is a copy of {like}")), soft_wrap=True)
    _show_next(folder, output)


def find_doubts(collected: Collected) -> list[str]:
    """What may be wrong with a knowledge base, each as a sentence."""
    text = collected.knowledge.join()
    doubts = []
    if collected.skipped:
        what = "file is" if len(collected.skipped) == 1 else "files are"
        doubts.append(f"{len(collected.skipped):,} {what} left out: {name_some(collected.skipped)}")
    if marks := [found[0] for found in _MARKUP.finditer(_CODE.sub("", text)) if _is_markup(found)]:
        doubts.append(f"markup is left in knowledge.md, {len(marks):,} times: {name_some(list(dict.fromkeys(marks)))}")
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


def doubt_languages(chosen: Sequence[str], spoken: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What may be wrong with the languages of conversations. `spoken`: the documents in each language."""
    named = " and ".join(NAMES[each] for each in chosen)
    if not spoken:
        yield (
            f"what language the documents are in cannot be told, and conversations are in {named}; --language says "
            "another, and pip install 'asyncgen[language]' tells more languages apart"
        )
    for code in spoken:
        if code not in chosen:
            codes = ",".join((*chosen, code))
            yield (
                f"conversations are in {named}, and some documents in {NAMES.get(code, code)}: "
                f"{name_some(spoken[code])}; --language {codes} makes conversations in both"
            )
    for code in chosen:
        if code not in KNOWN:
            yield (
                f"how users of {NAMES[code]} write is not known here: their personas, dynamics and openers in "
                "recipe.toml are English; put them into your words"
            )


def _is_markup(found: re.Match[str]) -> bool:
    """Prose has its <name> and its R&D; too."""
    tag, entity = found["tag"], found["entity"]
    return (tag is None or tag.lower() in _TAGS) and (entity is None or f"{entity};" in html5)


def _describe_price(recipe: Recipe) -> str:
    model = str(recipe.request["model"])
    quote = PRICES.get((DEFAULT_PROVIDER, model))
    if quote is None:
        return f"no price known for {model}; asyncgen plan asks the provider"
    size = measure_prompt(recipe, Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None))
    fresh, cached = (estimate_tokens(each) * CONVERSATIONS for each in (size.total - size.shared, size.shared))
    tokens = Tokens(fresh, cached, COMPLETION_TOKENS * CONVERSATIONS, CONVERSATIONS)
    warm, cold = tokens.cost(quote.price), tokens.cost_without_cache(quote.price)
    return (
        f"{CONVERSATIONS:,} conversations about {format_cost(warm)} with a warm cache, {format_cost(cold)} without "
        f"({model}; {quote.source}); free with the offline engine"
    )


def _warn(doubts: Sequence[str]) -> None:
    for each in doubts:
        plain_console().print(Text(one_line(f"warning  {each}")), soft_wrap=True)


def _show_next(folder: Path, output: Path) -> None:
    console = plain_console()
    for number, command in enumerate(
        (
            command_line("check", folder),
            command_line("generate", "--recipe", folder, "-n", "200"),
            command_line("view", output),
        )
    ):
        print_copied(console, "" if number else "next", command)
