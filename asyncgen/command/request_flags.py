"""The flags of every command that draws scenarios for a model: how many, about what, whom to ask, for how much."""

import argparse
from collections.abc import Callable

from asyncgen.command.parser import Parser
from asyncgen.endpoint.presets import PROVIDERS
from asyncgen.endpoint.tiers import TIERS
from asyncgen.runs.settings import DEFAULTS
from asyncgen.runs.values import budget, price, seed, temperature, variable, whole
from asyncgen.shards.address import local_path


def add_request_flags(parser: Parser) -> argparse._ArgumentGroup:
    """The last group, of pace, which a command that sends something has more of."""
    add = parser.add_argument_group("what to make").add_argument
    add(
        "--num",
        "-n",
        type=whole(1),
        default=DEFAULTS.num,
        metavar="N",
        help="conversations in all (default: %(default)s)",
    )
    add(
        "--recipe",
        default="nanochat",
        metavar="RECIPE",
        help="a recipe's folder, or a built-in one (default: %(default)s)",
    )
    add_recipe_parts(add)
    add("--seed", type=seed, metavar="N", help="another draw of scenarios (default: none)")
    return add_model_flags(parser, "the recipe's")


def add_model_flags(parser: Parser, model: str) -> argparse._ArgumentGroup:
    """Whom to ask, for how much, how many at once; the last group. `model`: what no --model means."""
    group = parser.add_argument_group("whom to ask")
    add_endpoint_flags(group, "openrouter when its key is set, otherwise offline")
    add = group.add_argument
    add("--model", metavar="NAME", help=f"the model (default: {model})")
    add("--temperature", type=temperature, metavar="T", help="the sampling temperature (default: the recipe's)")
    add(
        "--param",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another request setting: dotted keys, JSON values, null removes it; may be repeated (default: none)",
    )
    add(
        "--tier",
        choices=TIERS,
        metavar="TIER",
        help=f"the provider's service tier, {' or '.join(TIERS)} (default: the recipe's, else the usual one)",
    )
    add = parser.add_argument_group("money").add_argument
    add("--budget", type=budget, metavar="USD", help="what all runs of the output may cost (default: no limit)")
    for flag, tokens in (("--price-in", "input"), ("--price-out", "output"), ("--price-cached", "cached input")):
        default = "--price-in" if flag == "--price-cached" else "what the provider tells"
        help_ = f"US dollars a million {tokens} tokens, where the provider reports no cost (default: {default})"
        add(flag, type=price, metavar="USD", help=help_)
    pace = parser.add_argument_group("pace")
    pace.add_argument(
        *("--concurrency", "--workers", "-c"),
        type=whole(1),
        default=DEFAULTS.concurrency,
        metavar="N",
        help="requests in flight at most (default: %(default)s)",
    )
    return pace


def add_recipe_parts(add: Callable[..., object]) -> None:
    """For every command that reads a recipe before there is an output."""
    add(
        "--knowledge",
        type=local_path,
        metavar="PATH",
        help="the knowledge base, a file or a folder (default: the recipe's)",
    )
    add(
        "--set",
        dest="variables",
        action="append",
        type=variable,
        default=[],
        metavar="NAME=VALUE",
        help="a variable of the recipe; may be repeated (default: the recipe's)",
    )


def add_endpoint_flags(group: argparse._ArgumentGroup, default: str) -> None:
    """`default`: what no --provider means."""
    add = group.add_argument
    known = ", ".join(PROVIDERS)
    add("--provider", choices=PROVIDERS, metavar="PROVIDER", help=f"one of {known} (default: {default})")
    add("--base-url", metavar="URL", help="any OpenAI-compatible endpoint (default: the provider's)")
    add("--insecure-http", action="store_true", help="send a key over plain http to any host (default: this machine)")
