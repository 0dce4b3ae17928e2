"""The data card of a folder for the hub: what the data is, how it was made, and what is known to be wrong with it.

All of it follows from journal, recipe and audit, so that the same export writes the same card. Left out is what may be
private: paths, addresses, headers, prompts and the knowledge base itself, of which only digests are told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
import msgspec
from markupsafe import Markup

from asyncgen.audit.kept import read_audit
from asyncgen.data.dataset import Dataset
from asyncgen.data.state import asked_model
from asyncgen.endpoint.presets import OFFLINE, name_provider
from asyncgen.export.formats import Split
from asyncgen.money.price import format_cost
from asyncgen.output.journal import Done, Header
from asyncgen.recipe.recipe import Recipe
from asyncgen.text import one_line, quantity

# Only of lines that a run has made: nobody knows who wrote the others.
MADE_HERE = {
    "tags": ["synthetic", "asyncgen"],
    "annotations_creators": ["machine-generated"],
    "language_creators": ["machine-generated"],
    "source_datasets": ["original"],
}
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
# Settings of a request that shape what is written; others may name an account or a person.
_SETTINGS = (
    *("temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "seed"),
    *("frequency_penalty", "presence_penalty", "reasoning", "reasoning_effort"),
)
_MOST_MODELS = 10


def write_card(
    datasets: Mapping[Split, Dataset],
    *,
    rows: Mapping[Split, int],
    left_out: Iterable[tuple[str, int]],
    columns: Sequence[str],
    has_system: bool,
    licence: str,
    name: str,
    repository: str,
) -> str:
    """`datasets`: what was exported, by split where there are several. `rows`: how many were written, by split."""
    sources = list(datasets.values())
    headers = [header for dataset in sources for header in dataset.ledger.headers]
    story = headers[-1].filtered if headers else ()
    recipe = next((dataset.recipe for dataset in sources if dataset.recipe is not None), None)
    author = ""
    if headers and all(each.provider == OFFLINE for each in headers):
        author = "quotations of a knowledge base, put together to try things out, and no material for training"
    elif headers:
        author = "written by a language model from a knowledge base and a recipe, with asyncgen"
    text = _load_template().render(
        front=_front_matter(name, licence, recipe, sum(rows.values()), is_made_here=bool(headers)),
        title=name,
        rows=dict(rows),
        count=quantity,
        author=author,
        description="" if recipe is None else recipe.description,
        repository=repository,
        roles=f"{'system, ' if has_system else ''}user, assistant",
        columns=columns,
        facts={} if not headers else dict(_facts(sources, headers)),
        dimensions={each.name: each.size for header in headers[-1:] for each in header.dimensions},
        left_out=[each for filtered in story for each in filtered.left_out.items()] + list(left_out),
        audits={split: audit.rules for split, dataset in datasets.items() if (audit := read_audit(dataset))},
    )
    return text.rstrip() + "\n"


def _load_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        finalize=escape,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown; `finalize` does it
    )
    environment.filters["json"] = lambda value: Markup(msgspec.json.encode(value).decode())  # noqa: S704 - YAML
    return environment.get_template("card.md.jinja")


def _front_matter(
    name: str, licence: str, recipe: Recipe | None, rows: int, *, is_made_here: bool
) -> Mapping[str, object]:
    """What the hub reads of a card."""
    return {
        "license": licence,
        **({} if recipe is None or not recipe.language else {"language": recipe.language}),
        "pretty_name": one_line(name),
        "task_categories": ["text-generation"],
        **(MADE_HERE if is_made_here else {}),
        "size_categories": [next((size for limit, size in _SIZES if rows < limit), "n>10M")],
    }


def escape(value: Any) -> Any:
    """Text from a journal or a recipe as one line that neither ends a cell nor opens a tag."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return one_line(value).replace("|", "\\|").replace("<", "&lt;")


def _facts(datasets: Sequence[Dataset], headers: Sequence[Header]) -> Iterator[tuple[str, str]]:
    newest = headers[-1]
    models: Counter[str] = Counter()  # by the name that answered, or else was asked for; superseded lines included
    for dataset in datasets:
        asked = "unknown"
        for entry in dataset.calls():
            if isinstance(entry, Header):
                asked = asked_model(entry) or "unknown"
            elif isinstance(entry, Done):
                models[entry.model or asked] += 1
    yield "recipe", newest.recipe.rpartition("/recipe.toml")[0].rpartition("/")[2] or newest.recipe
    yield "written by", ", ".join(f"{name} ({number:,})" for name, number in models.most_common(_MOST_MODELS))
    yield "provider", ", ".join(sorted({name_provider(each.provider) for each in headers}))
    days = sorted({each.started[: len("2026-01-01")] for each in headers})
    yield "begun", days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    yield "scenarios", f"{newest.sampling}, seed {'none' if newest.seed is None else newest.seed}"
    settings = {key: newest.request[key] for key in _SETTINGS if key in newest.request}
    if settings:
        yield "settings", ", ".join(f"{key} {msgspec.json.encode(value).decode()}" for key, value in settings.items())
    yield "asyncgen", ", ".join(sorted({each.asyncgen for each in headers}))
    for part in ("prompts", "knowledge"):
        if part in newest.digests:
            yield f"digest of the {part}", newest.digests[part]
    yield from _costs(datasets, headers)


def _costs(datasets: Sequence[Dataset], headers: Sequence[Header]) -> Iterator[tuple[str, str]]:
    totals = [dataset.ledger.totals for dataset in datasets]
    known = [each.cost for each in totals if each.cost is not None]
    yield "calls", f"{sum(each.calls for each in totals):,}"
    yield (
        "tokens",
        f"{sum(each.prompt_tokens for each in totals):,} in, {sum(each.completion_tokens for each in totals):,} out",
    )
    if known:
        yield (
            "cost",
            ("at least " if any(each.unpriced for each in totals) else "") + format_cost(sum(known, Decimal(0))),
        )
    rejected: Counter[str] = Counter()
    for each in totals:
        rejected += each.rejected
    if headers[-1].filtered:
        whole = headers[-1].filtered[0]
        cost = "" if whole.cost is None else f" for {format_cost(whole.cost)}"
        yield "before a filter", f"{quantity(whole.lines, 'line')}, by {quantity(whole.calls, 'call')}{cost}"
        rejected.update(whole.rejected)
    if rejected:
        yield "replies not used", ", ".join(f"{number:,} {reason}" for reason, number in rejected.most_common())
