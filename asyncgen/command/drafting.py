"""What commands share that ask a model for suggestions: whom they ask, and the person who has to agree."""

import argparse
import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from asyncgen.command.request_flags import add_endpoint_flags
from asyncgen.command.stderr import say
from asyncgen.endpoint.presets import OFFLINE, Endpoint, read_headers, resolve_endpoint
from asyncgen.endpoint.settings import Override, request_settings
from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import JsonValue, RequestHeader

if TYPE_CHECKING:
    from asyncgen.scaffold.answers import Answers

YES, NO = {"y", "yes", "j", "ja"}, {"", "n", "no", "nein"}


class Asked(NamedTuple):
    """Whom to ask, and the settings of each call."""

    endpoint: Endpoint
    model: str
    settings: Mapping[str, JsonValue]


def add_drafting_flags(group: argparse._ArgumentGroup, *, provider: str, model: str) -> None:
    """`provider`, `model`: what none of the flags means."""
    add_endpoint_flags(group, provider)
    group.add_argument("--model", metavar="NAME", help=f"the model that makes suggestions (default: {model})")
    group.add_argument("--yes", action="store_true", help="take the suggestions without asking (default: ask)")


def choose_model(
    flags: argparse.Namespace, request: Mapping[str, JsonValue], headers: Iterable[RequestHeader] = ()
) -> Asked:
    """`request`, `headers`: those of the recipe. Raises ConfigError, too where nobody can be asked to agree."""
    from asyncgen.runs.configure import read_environment

    environment, insecure = read_environment(say), flags.insecure_http
    endpoint = resolve_endpoint(flags.provider, flags.base_url, environment, insecure_http=insecure)
    if endpoint.is_offline:
        raise ConfigError(
            f"suggestions need a model, and the offline engine is no model: name a --provider other than {OFFLINE}, or "
            "put OPENROUTER_API_KEY=... into the environment or .env"
        )
    endpoint.check_key()
    read = read_headers(headers, endpoint.base_url, environment, insecure_http=insecure)
    check_who_agrees(flags, "suggestions of a model are shown before they are written")
    overrides = [Override(("response_format",), None)]
    if flags.model:
        overrides.append(Override(("model",), flags.model))
    settings = request_settings(request, endpoint.provider.fields, overrides)
    return Asked(replace(endpoint, headers=read), str(settings["model"]), settings)


def check_who_agrees(flags: argparse.Namespace, why: str) -> None:
    """Raises ConfigError where nobody can be asked."""
    if not flags.yes and not sys.stdin.isatty():
        raise ConfigError(f"{why}, and nobody can be asked; add --yes")


@contextlib.contextmanager
def answers_kept(path: Path) -> "Iterator[Answers]":
    """What a model answers inside; where all of it has not become a recipe, it is said where it is."""
    from asyncgen.money.price import format_cost
    from asyncgen.scaffold.answers import open_answers
    from asyncgen.screen.rows import near

    with open_answers(path) as answers:
        is_taken = False
        try:
            yield answers
            is_taken = not answers.is_unread
        finally:
            if answers.number and not is_taken:
                paid = f" (cost {format_cost(answers.cost)})" if answers.cost else ""
                say(
                    f"what the model has answered{paid} is kept in {near(path)}: copy what you want of it into the "
                    "recipe, and delete the file"
                )


def agrees(flags: argparse.Namespace, question: str) -> bool:
    """Asked until the answer is one: what the question is about may have been paid for. The end of input is a no."""
    if flags.yes:
        return True
    with contextlib.suppress(EOFError):
        while (answer := input(f"{question} [y/N] ").strip().lower()) not in YES | NO:
            pass
        return answer in YES
    return False
