"""What a model suggests for a recipe, and what it costs to ask."""

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from rich.text import Text

from asyncgen.endpoint.presets import Endpoint
from asyncgen.errors import AsyncgenError
from asyncgen.money.price import format_cost
from asyncgen.money.ways import LIVE
from asyncgen.runs.quotes import PRICES
from asyncgen.scaffold.draft import Draft
from asyncgen.screen.rows import command_line, plain_console, print_copied
from asyncgen.text import estimate_tokens, one_line, quantity


def show_price(model: str, endpoint: Endpoint, requests: Sequence[str], answer: int, *, at_most: bool = False) -> None:
    """Before anything is sent. `answer`: tokens of each; `at_most`: there may be fewer calls."""
    tokens = sum(estimate_tokens(len(each.encode())) for each in requests)
    calls = f"{quantity(len(requests), 'call')} to {model} at {endpoint.label}"
    quote = PRICES.get((endpoint.provider.name, model, LIVE))
    cost = quote and format_cost(quote.price.cost(fresh=tokens, cached=0, output=answer * len(requests)))
    price = (cost and f"about {cost}") or "no price known"
    _say(f"{'at most ' * at_most}{calls}: about {tokens:,} tokens in, {price}")


def show_drafts(drafts: Mapping[str, Draft], cost: Decimal | None, folder: Path) -> None:
    """By language. `folder`: of the recipe to be."""
    for language, draft in drafts.items():
        show_lines({f"{kind} ({language})": lines for kind, lines in draft.by_kind().items()})
    for language, draft in drafts.items():
        if draft.missing:
            more = command_line("draft", draft.missing[0], "--recipe", folder)
            _say(f"the model's draft ({language}) has no {', '.join(draft.missing)}; later: {more}")
    show_cost(cost)


def show_lines(lists: Mapping[str, Sequence[str]]) -> None:
    """Under the names of the lists that they are for."""
    for name, lines in lists.items():
        plain_console().print(Text(one_line(name), style="bold"))
        for line in lines:
            _say(f"  {line}")


def show_cost(cost: Decimal | None) -> None:
    if cost is not None:
        _say(f"cost {format_cost(cost)}")


def show_stop(error: AsyncgenError) -> None:
    _say(f"fewer than wanted, because a further call failed: {error}")


def show_appended(recipe: str, number: int, files: Sequence[Path]) -> None:
    _say(f"{number:,} more in {', '.join(os.path.relpath(each) for each in files)}")
    print_copied(plain_console(), "next", command_line("check", recipe))


def _say(line: str) -> None:
    plain_console().print(Text(one_line(line)), soft_wrap=True)
