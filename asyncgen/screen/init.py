"""What `asyncgen init` says: what was made of which documents, what a model suggests, and what comes next."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.text import Text

from asyncgen.money.price import format_cost
from asyncgen.money.ways import LIVE, Tokens
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs.quotes import DEFAULT_PROVIDER, PRICES
from asyncgen.scaffold.documents import Collected
from asyncgen.scaffold.doubts import doubt_languages, find_doubts
from asyncgen.scaffold.folder import KNOWLEDGE_FILE
from asyncgen.scaffold.topics import find_topics
from asyncgen.screen.preview import COMPLETION_TOKENS
from asyncgen.screen.prompt_size import PromptSample
from asyncgen.screen.rows import command_line, labelled_grid, plain_console, print_copied
from asyncgen.text import estimate_tokens, name_some, one_line, quantity

CONVERSATIONS = 1000  # whose price is told


def show_made(
    folder: Path,
    recipe: Recipe,
    collected: Collected,
    spoken: Mapping[str, Sequence[str]],
    output: Path,
    *,
    is_language_chosen: bool = False,
) -> None:
    """`spoken`: the documents in each language; `output`: of a run without flags."""
    console = plain_console()
    documents = collected.knowledge.documents
    size = len(recipe.knowledge.encode())
    topics = next(each for each in recipe.dimensions if each.name == "topic")
    headings = sum(map(len, find_topics(documents).values()))
    rows = {
        "recipe": str(folder),
        "documents": f"{len(documents):,}: {name_some([each.source for each in documents])}",
        "knowledge": f"{size:,} bytes, about {estimate_tokens(size):,} tokens",
        "topics": f"{topics.size:,}, {'' if topics.size == headings else f'{headings:,} of them '}from the headings",
        "language": ", ".join(recipe.language),
        "price": _describe_price(recipe),
    }
    console.print(labelled_grid(rows))
    _warn((*find_doubts(collected), *doubt_languages(recipe.language, spoken, documents, is_chosen=is_language_chosen)))
    _show_next(folder, output)


def show_updated(folder: Path, where: Path, collected: Collected, missing: Sequence[str], gone: Sequence[str]) -> None:
    """`missing`: headings that are no topics of the recipe; `gone`: its topics that are no headings any more."""
    console = plain_console()
    size = len(collected.knowledge.join().encode())
    documents = [each.source for each in collected.knowledge.documents]
    rows = {
        "knowledge": f"{where}: {size:,} bytes, about {estimate_tokens(size):,} tokens",
        "documents": f"{len(documents):,}: {name_some(documents)}",
    }
    if missing:
        headings = quantity(len(missing), "heading")
        rows["new topics"] = f"{headings} not among those of {folder / 'recipe.toml'}: {name_some(missing)}"
    if gone:
        topics = quantity(len(gone), "topic")
        rows["topics gone"] = f"{topics} of {folder / 'recipe.toml'}, now in no document: {name_some(gone)}"
    console.print(labelled_grid(rows))
    if where.name != KNOWLEDGE_FILE:
        _warn([f"{folder / KNOWLEDGE_FILE} was edited and stays as it is; take from {where.name} what you want"])
    _warn(find_doubts(collected))
    print_copied(console, "next", command_line("check", folder))


def show_copied(folder: Path, like: str, output: Path) -> None:
    console = plain_console()
    console.print(Text(one_line(f"{folder} is a copy of {like}")), soft_wrap=True)
    _show_next(folder, output)


def _describe_price(recipe: Recipe) -> str:
    model = str(recipe.request["model"])
    quote = PRICES.get((DEFAULT_PROVIDER, model, LIVE))
    if quote is None:
        return f"no price known for {model}; asyncgen plan asks the provider"
    size = PromptSample(Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None)).measure(recipe)
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
