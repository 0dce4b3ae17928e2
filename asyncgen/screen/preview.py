"""What a run would send and cover, and what it is likely to cost, without spending anything.

Scenarios and messages are drawn by the code that draws them for a run, so what is counted and shown here is what would
be sent. Tokens, cost and time are estimates, and each is printed together with what it rests on.
"""

import sys
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from asyncgen.endpoint.presets import CUSTOM, OFFLINE
from asyncgen.endpoint.tiers import FLEX
from asyncgen.errors import ConfigError
from asyncgen.jobs.judgement import judge_recipe
from asyncgen.money.price import FREE, format_cost
from asyncgen.money.price_list import Allowance
from asyncgen.money.ways import LIVE, Tokens
from asyncgen.output.ledger import Ledger, read_journal
from asyncgen.output.paths import OutputPaths
from asyncgen.recipe.balanced import SAMPLING_VERSIONS
from asyncgen.recipe.coverage import Coverage, count_coverage
from asyncgen.recipe.recipe import JUDGE
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs.config import RunPlan
from asyncgen.runs.forecast import seconds_in_all
from asyncgen.runs.quotes import PriceList, Quote, ask_provider, chosen_way, find_quote
from asyncgen.screen.figure_table import FigureTable
from asyncgen.screen.figures import format_duration
from asyncgen.screen.prompt_size import SAMPLE, PromptSample
from asyncgen.screen.requests import format_request, write_requests
from asyncgen.screen.rows import labelled_grid, plain_console
from asyncgen.screen.talks import compare_talks, tokens_of_talk
from asyncgen.screen.ways import FLEX_SECONDS, SECONDS_PER_CALL, calls_in_turn, calls_with_knowledge, compare_ways
from asyncgen.text import BYTES_A_TOKEN, estimate_tokens, printable, quantity

COMPLETION_TOKENS = 900  # of a conversation, about 3.6 KB
VERDICT_TOKENS = 700  # ten claims and nine questions
MOST_COUNTED = 204_800  # indices whose scenarios are counted, a hundred blocks: beyond, what is even stays so
LONG, BEARABLE = 4 * 3600.0, 48 * 3600.0  # seconds of a run: from where on one asks for machines, and has to
MANY_CALLS = 2000  # in flight, which one process serves well
FASTEST = 2000  # conversations a second, for which one process has the CPU time


def preview(plan: RunPlan, *, requests: Path | None, index: int | None, command: str) -> int:
    """Print a summary, or the request of one index in full; with `requests`, write all of them there first.

    `command`: the line as typed. Raises ConfigError when that file cannot be written.
    """
    scenarios = Scenarios(plan.recipe.dimensions, sampling=plan.recipe.sampling, seed=plan.seed)
    if requests is not None:
        write_requests(requests, plan, scenarios)
        print(f"{quantity(plan.num, 'request')} written to {printable(str(requests))}", file=sys.stderr)  # noqa: T201
    if index is None:
        print_plan(plan, scenarios, command)
    else:
        sys.stdout.write(format_request(plan.recipe, scenarios, index))
    return 0


def estimate_completion(plan: RunPlan) -> tuple[int, str]:
    """Completion tokens of a conversation, and what that number rests on."""
    journal = OutputPaths.of(plan.default_output).journal
    try:
        ledger = read_journal(journal).ledger
    except (OSError, ConfigError):  # no earlier run to learn from; a damaged journal is reported by generate
        ledger = Ledger()
    made = len(ledger) - sum(index is None for index, _ in ledger.conversations())
    used = ledger.totals.completion_tokens
    last = ledger.headers[-1] if made and used else None
    if last and last.provider != OFFLINE and last.request.get("model") == plan.model:  # another one has other lengths
        return round(used / made), f"the average of {made:,} made before, in {journal.name}"
    return COMPLETION_TOKENS, "assumed"


def print_plan(plan: RunPlan, scenarios: Scenarios, command: str) -> None:
    recipe = plan.recipe
    counted = min(plan.num, MOST_COUNTED)
    coverage = count_coverage(recipe.dimensions, scenarios, counted)
    sample = PromptSample(scenarios)
    size = sample.measure(recipe)
    endpoint, provider = plan.endpoint, plan.endpoint.provider.name
    address = endpoint.base_url if provider == CUSTOM else f"{provider} ({endpoint.base_url})"
    model = ", ".join(plan.models or [plan.model])
    run = {
        "recipe": f"{recipe.name} ({recipe.source})",
        "sampling": SAMPLING_VERSIONS[recipe.sampling],
        "seed": "none" if plan.seed is None else str(plan.seed),
        "num": f"{plan.num:,}",
        "provider": provider if endpoint.is_offline else address,
        "model": f"{model} (the offline engine answers instead)" if endpoint.is_offline else model,
    }
    prompt = {
        "request": _describe_size(size.total),
        "system": _describe_size(size.system) if size.system else "none",
        "user": _describe_size(size.user),
        "cacheable": f"{_percent(size.cacheable)} at least: {size.shared:,} bytes come first in every request",
        "": f"(texts of indices 0 to {SAMPLE - 1}; tokens estimated, {BYTES_A_TOKEN} bytes each)",
    }
    console = plain_console()
    console.print(_panel("run", labelled_grid(run)))
    of = "" if counted == plan.num else f", of its first {counted:,}"
    console.print(_panel(f"coverage with --num {plan.num:,}{of}", _coverage_tables(coverage)))
    console.print(_panel("prompt", labelled_grid(prompt)))
    completion, basis = estimate_completion(plan)
    tokens = tokens_of_talk(recipe, sample, completion).times(plan.num)
    told = ask_provider(plan)
    passages = sample.measure_passages(recipe)
    console.print(_panel("to expect", _describe_expectation(plan, tokens, basis, told, passages)))
    if ways := compare_ways(plan, tokens, told, request_bytes=size.total, command=command):
        console.print(_panel("ways to ask", ways))
    if others := compare_talks(plan, sample, completion, find_quote(plan, chosen_way(plan), told)):
        console.print(_panel("ways to talk", others))


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=Text(title, style="bold"), title_align="left")


def _coverage_tables(coverage: Coverage) -> Group:
    uses = FigureTable("dimension", "values", "used", "times each", texts={"dimension"})
    for each in coverage.uses:
        times = f"{each.fewest:,}" if each.fewest == each.most else f"{each.fewest:,} to {each.most:,}"
        uses.add_row(each.name, f"{each.values:,}", f"{each.used:,}", times)
    if not coverage.pairs:
        return Group(uses)
    pairs = FigureTable("pair", "pairs", "met", "share", texts={"pair"})
    for pair in coverage.pairs:
        pairs.add_row(pair.name, f"{pair.pairs:,}", f"{pair.met:,}", _percent(pair.met / pair.pairs))
    return Group(uses, Text(), pairs)


def _percent(share: float) -> str:
    """Rounded down: 100 % is all of it."""
    return f"{int(share * 1000) / 10:.1f} %"


def _describe_size(size: int) -> str:
    return f"{size:,} bytes, about {estimate_tokens(size):,} tokens"


def _describe_expectation(plan: RunPlan, tokens: Tokens, basis: str, told: PriceList, passages: int | None) -> Table:
    """`basis`: of the tokens that a reply takes. `passages`: bytes of them in a request, where there are some."""
    latency = FLEX_SECONDS[0] if chosen_way(plan) == FLEX else SECONDS_PER_CALL
    in_turn = calls_in_turn(plan, tokens)
    seconds = seconds_in_all(plan.num, ceiling=plan.concurrency, latency=latency * in_turn)
    quote = find_quote(plan, chosen_way(plan), told)
    fresh, cached, output, _ = tokens
    rows = {
        "input": f"about {fresh + cached:,} tokens, of which {cached:,} from a warm cache and {fresh:,} not",
        "output": f"about {output:,} tokens: {output // plan.num:,} a conversation ({basis})",
        **({} if passages is None else _describe_passages(plan, tokens, estimate_tokens(passages), quote)),
        **_describe_money(plan, tokens, quote, told.allowance),
        "time": f"about {format_duration(seconds)}: one call, then up to {plan.concurrency:,} at a time, none "
        f"refused, {latency:g} s a call (assumed)",
        **_describe_judge(plan, output // plan.num, told),
        **_advise_on_machines(plan, seconds, latency * in_turn),
        "": "(each index asked once; retries and further asks come on top)",
    }
    return labelled_grid(rows)


def _advise_on_machines(plan: RunPlan, seconds: float, latency: float) -> dict[str, str]:
    """Whether one process will do, for a run that takes long enough to ask. `latency`: of a conversation."""
    if seconds < LONG:
        return {}
    many = max(plan.concurrency, MANY_CALLS)
    least = max(seconds_in_all(plan.num, ceiling=many, latency=latency), plan.num / FASTEST)
    more = f"-c {many} takes about {format_duration(least)} where the endpoint serves that many"
    if least > BEARABLE:
        advice = f"one process with {more}: worth several of them, see asyncgen help many-machines"
    elif seconds > BEARABLE:
        advice = f"one is enough: {more}"
    else:
        advice = "one is enough: a cluster would save hours at most"
    return {"machines": advice}


# ---- money


@dataclass(frozen=True, slots=True)
class CostRange:
    """What `num` conversations cost when the common beginning is always read from a cache, and when it never is."""

    num: int
    warm: Decimal
    cold: Decimal

    def judge(self, sum_: Decimal) -> str:
        """Whether a sum of money is enough."""
        if sum_ >= self.cold:
            return "enough"
        if sum_ >= self.warm:
            return "enough with a warm cache, NOT ENOUGH without"
        return f"NOT ENOUGH: it pays for about {int(sum_ * self.num / self.warm):,} of {self.num:,} with a warm cache"


def _describe_passages(plan: RunPlan, tokens: Tokens, each: int, quote: Quote | None) -> dict[str, str]:
    """What it saves to send passages, beside sending all of the knowledge base first in every request."""
    whole = estimate_tokens(len(plan.recipe.knowledge.encode()))
    answers = calls_with_knowledge(plan, tokens)
    told = f"about {each:,} tokens a request instead of {whole:,} of all the knowledge"
    saved = f"saves {(whole - each) * answers:,} tokens" if whole > each else "saves nothing"
    if quote is not None and whole > each:
        instead = tokens._replace(fresh=tokens.fresh - each * answers, cached=tokens.cached + whole * answers)
        warm, cold = instead.cost(quote.price), instead.cost_without_cache(quote.price)
        now, now_cold = tokens.cost(quote.price), tokens.cost_without_cache(quote.price)
        saved += f" and {_describe_saving(warm - now)} with a warm cache, {_describe_saving(cold - now_cold)} without"
    return {"passages": f"{told}: {saved}"}


def _describe_judge(plan: RunPlan, written: int, told: PriceList) -> dict[str, str]:
    """What a verdict on each conversation of so many tokens comes to, where a judge reads them."""
    if not plan.recipe.is_judged:
        return {}
    asked = replace(plan, settings=plan.settings_of(JUDGE), models={}, recipe=replace(plan.recipe, models=()))
    recipe = judge_recipe(plan.recipe, plan.recipe.knowledge, asked.model)
    constant = len(f"{recipe.system}{recipe.user}{recipe.knowledge}".encode())
    each = Tokens(written, estimate_tokens(constant), VERDICT_TOKENS, 1)
    all_ = each.times(plan.num)
    text = (
        f"on top, by {asked.model}: a verdict on each, about {each.fresh + each.cached:,} tokens in, of which "
        f"{each.cached:,} from a warm cache, and {each.output:,} out (assumed)"
    )
    if (quote := find_quote(asked, chosen_way(asked), told)) is None:
        text += "; no price of it is known"
    else:
        warm, cold = format_cost(all_.cost(quote.price)), format_cost(all_.cost_without_cache(quote.price))
        text += f": about {warm} with a warm cache, {cold} without"
    return {"judge": f"{text}. What it sends back is written and judged once more"}


def _describe_saving(amount: Decimal) -> str:
    return f"about {format_cost(amount)}" if amount > 0 else f"nothing (about {format_cost(-amount)} more)"


def _describe_money(plan: RunPlan, tokens: Tokens, quote: Quote | None, allowance: Allowance | None) -> dict[str, str]:
    model = " and ".join(plan.models or [plan.model])
    is_free = plan.endpoint.is_offline and plan.price is None
    free = f"{FREE}: the offline engine answers"
    if quote is None:
        way = chosen_way(plan)
        where = plan.endpoint.label if way == LIVE else f"{plan.endpoint.label}, tier {way}"
        rows = {"cost": free if is_free else f"no price known for {model} at {where}"}
        return rows if allowance is None else {**rows, "key": _describe_allowance(allowance, None)}
    price = quote.price
    costs = CostRange(plan.num, warm=tokens.cost(price), cold=tokens.cost_without_cache(price))
    estimate = (
        f"about {format_cost(costs.warm)} with a warm cache, {format_cost(costs.cold)} without caching\n"
        f"({price.describe()}; {quote.source})"
    )
    rows = {"cost": f"{free}; {model} would be {estimate}" if is_free else estimate}
    if plan.budget is not None:
        rows["budget"] = f"{format_cost(plan.budget)}: {costs.judge(plan.budget)}"
    if allowance is not None:
        rows["key"] = _describe_allowance(allowance, costs)
    return rows


def _describe_allowance(allowance: Allowance, costs: CostRange | None) -> str:
    if allowance.left is None:
        return "no limit of its own; what the account still holds it cannot tell"
    left = f"{format_cost(allowance.left)} left"
    return left if costs is None else f"{left}: {costs.judge(allowance.left)}"
