"""What a run is to do, from its settings, the environment and `.env`, read once into frozen values.

Nothing else reads the environment. `.env` is looked up from the working directory upwards and read without changing the
environment, so that keys reach no child process by accident.
"""

import logging
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values, find_dotenv
from dotenv.parser import parse_stream

from asyncgen.endpoint.address import CUSTOM_KEY
from asyncgen.endpoint.batches.rows import batch_fields
from asyncgen.endpoint.batches.rules import rules_of
from asyncgen.endpoint.presets import OFFLINE, Endpoint, other_key, read_headers, resolve_endpoint
from asyncgen.endpoint.settings import Override, parse_param, request_settings, settings_of
from asyncgen.endpoint.tiers import FLEX, SERVICE_TIER, sells
from asyncgen.errors import ConfigError
from asyncgen.jobs.judgement import judge_recipe, warn_of_judge
from asyncgen.money.price import Price
from asyncgen.output.paths import OutputPaths, belongs_to_output, is_same_path
from asyncgen.pacing.rates import Rates
from asyncgen.recipe.recipe import JUDGE, MODEL, JsonValue, Recipe
from asyncgen.recipe.talk import USER
from asyncgen.runs.config import Batching, GenerateConfig, RunPlan
from asyncgen.runs.settings import FLEX_TIMEOUT, TIMEOUT, Settings
from asyncgen.timings import USUAL, Timings

# Believed from the environment alone: a `.env` in a cloned folder must not say what a user is told to type.
_NEVER_FROM_FILE = frozenset({"ASYNCGEN_COMMAND"})
TIER = (SERVICE_TIER,)  # the path of an override
# Other programs read the endpoint's address from these.
_FOREIGN_ADDRESSES = ("OPENAI_BASE_URL", "OPENAI_API_BASE")

logging.getLogger("dotenv").setLevel(logging.ERROR)  # which lines cannot be read is said in words of ours


def read_environment(warn: Callable[[str], None]) -> dict[str, str]:
    """The environment over `.env`, of which unreadable lines are passed over and warned of, without what they hold.

    Raises ConfigError when `.env` cannot be read.
    """
    text, path, problem = "", "", None
    try:
        path = find_dotenv(usecwd=True)
        if path:
            text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        problem = error.strerror
    except UnicodeDecodeError:
        problem = "not UTF-8"
    if problem:  # raised out here because a decoding error carries the whole file, keys and all
        raise ConfigError(
            f"{path or '.env'}: cannot be read: {problem}; make it a readable file in UTF-8, or move it away"
        )
    for doubt in _find_unread(text):
        warn(f"{path}, {doubt}")
    from_file = dotenv_values(stream=StringIO(text))
    believed = ((name, value) for name, value in from_file.items() if name not in _NEVER_FROM_FILE)
    return {name: value for name, value in (*believed, *os.environ.items()) if value and value.strip()}


def _find_unread(text: str) -> Iterator[str]:
    """Of lines that give no variable a value: where they are, and what to do."""
    for each in parse_stream(StringIO(text)):
        is_name = each.value is not None or each.key is None or each.key.isidentifier()
        if is_name and not each.error:
            continue
        before, lines = re.match(r"\s*", each.original.string), each.original.string.strip().count("\n")
        first = each.original.line + (before[0].count("\n") if before else 0)
        where = f"lines {first:,} to {first + lines:,}" if lines else f"line {first:,}"
        if re.match(r"""[^=#\n]*=[ \t]*["']""", each.original.string.strip()):
            yield f"{where}: not read, because of its quotation marks: put one before and one behind the value, or none"
        else:
            yield f"{where}: not read, expected NAME=value; write it so, or put a # before it"


def configure_run(
    recipe: Recipe,
    settings: Settings,
    environment: Mapping[str, str],
    *,
    log: Path | None = None,
    timings: Timings = USUAL,
    asks: bool = True,
) -> GenerateConfig:
    """Raises ConfigError for settings, key or address that cannot be used. `log`: another file that is written.

    `asks`: whether anybody is to be asked; otherwise no key is read, and none is missed.
    """
    if settings.append and settings.overwrite:
        raise ConfigError("--append keeps what is there and --overwrite sets it aside: give one of them")
    plan = configure_plan(recipe, settings, environment if asks else {})
    endpoint = plan.endpoint
    if asks and not endpoint.is_offline:  # which needs no key, so that a run without any is whole
        address, insecure_http = endpoint.base_url, settings.insecure_http
        headers = read_headers(recipe.headers, address, environment, insecure_http=insecure_http)
        endpoint = replace(endpoint, headers=headers)
        plan = replace(plan, endpoint=endpoint)
        endpoint.check_key()
    if endpoint.is_offline and settings.provider is None and (flag := _flag_that_means_a_model(settings)):
        raise ConfigError(
            f"{flag}: no key is set, and the offline engine is no model. {_how_to_get_a_model(environment)}"
        )
    if plan.budget is not None and plan.price is None and not endpoint.provider.reports_cost:
        raise ConfigError(
            f"--budget: {endpoint.label} reports no cost, so nothing can be counted: give --price-in and "
            "--price-out (US dollars a million tokens), or leave --budget out"
        )
    output = settings.output or plan.default_output
    _check_roles(output, log, recipe.files)
    of_judge: list[str] = []
    if recipe.is_judged:
        of_judge = warn_of_judge(plan.model_of(JUDGE), plan.models or [plan.model], endpoint)
    return GenerateConfig(
        plan=plan,
        output=output,
        timeout=settings.timeout or (FLEX_TIMEOUT if FLEX in plan.tiers else TIMEOUT),
        retries=settings.retries,
        reasks=settings.reasks,
        grace=settings.grace,
        give_up=settings.give_up,
        adaptive=not settings.no_adaptive,
        rates=Rates(settings.rpm, settings.tpm),
        save_metadata=settings.save_metadata,
        append=settings.append,
        overwrite=settings.overwrite,
        allow_changed=settings.allow_changed,
        batching=_batching(settings, plan),
        forgotten=settings.forget_batch,
        log=log,
        notices=[*recipe.warnings, *_notices(settings, endpoint, environment), *of_judge],
        timings=timings,
    )


def configure_plan(recipe: Recipe, settings: Settings, environment: Mapping[str, str]) -> RunPlan:
    """What is also needed to plan, for which there needs to be no key. Raises ConfigError."""
    endpoint = resolve_endpoint(settings.provider, settings.base_url, environment, insecure_http=settings.insecure_http)
    is_plain = recipe.talk is not None and recipe.talk.users == "turn by turn"
    overrides = [Override(("response_format",), None)] if is_plain else []
    overrides += [parse_param(text) for text in settings.param]
    if settings.temperature is not None:
        overrides.append(Override(("temperature",), settings.temperature))
    if settings.model is not None:
        overrides.append(Override((MODEL,), settings.model))
    if settings.tier is not None:
        if sells(endpoint, settings.tier) is False:
            raise ConfigError(
                f"--tier {settings.tier}: {endpoint.where} does not sell calls at that tier; leave --tier out"
            )
        overrides.append(Override(TIER, settings.tier))
    if recipe.models and any(each.path[0] == MODEL for each in overrides):
        raise ConfigError(f"--model: the work of recipe {recipe.name} is shared by its [[models]]; change them there")
    asked = len(recipe.models) + (bool(recipe.models) and recipe.is_judged)
    for flag, number in (("--concurrency", settings.concurrency), ("--rpm", settings.rpm), ("--tpm", settings.tpm)):
        if number is not None and number < asked:
            raise ConfigError(f"{flag} {number}: expected {asked} or more, one for each of [[models]] and a judge")
    fields = endpoint.provider.fields
    shared = request_settings(settings_of(recipe), fields, overrides)
    return RunPlan(
        recipe=recipe,
        endpoint=endpoint,
        settings=shared,
        models={each.name: request_settings(settings_of(recipe, each), fields, overrides) for each in recipe.models},
        seats=_settings_by_seat(recipe, fields, overrides, str(shared[MODEL])),
        seed=settings.seed,
        num=settings.num,
        concurrency=settings.concurrency,
        budget=settings.budget,
        price=_given_price(settings),
    )


def _settings_by_seat(
    recipe: Recipe, fields: Mapping[str, JsonValue], overrides: Sequence[Override], writer: str
) -> dict[str, Mapping[str, JsonValue]]:
    """Of who is asked otherwise than the others: who plays the user, where that is another model, and a judge.

    A judge is asked as it is for a finished output: what flags say of the writing is not for it.
    """
    seats: dict[str, Mapping[str, JsonValue]] = {}
    if recipe.talk is not None and recipe.talk.model is not None:
        given = {**settings_of(recipe), MODEL: recipe.talk.model}
        seats[USER] = request_settings(given, fields, [each for each in overrides if each.path[0] != MODEL])
    if recipe.is_judged:
        asked = judge_recipe(recipe, recipe.knowledge, recipe.judge.model or writer)
        seats[JUDGE] = request_settings(asked.request, fields, [each for each in overrides if each.path == TIER])
    return seats


def _given_price(settings: Settings) -> Price | None:
    if settings.price_in is not None and settings.price_out is not None:
        return Price.per_million(input=settings.price_in, output=settings.price_out, cached=settings.price_cached)
    if (settings.price_in, settings.price_out, settings.price_cached) != (None, None, None):
        raise ConfigError("--price-in and --price-out are given together; --price-cached is for cached input tokens")
    return None


def _batching(settings: Settings, plan: RunPlan) -> Batching | None:
    """Raises ConfigError for flags that do not go together, where there are no batches, and for what none takes."""
    given = {
        "--batch-size": settings.batch_size,
        "--detach": settings.detach,
        "--cancel": settings.cancel,
        "--finish-live": settings.finish_live,
        "--no-live": settings.no_live,
    }
    if not settings.batch and settings.batch_files is None:
        if flag := next((flag for flag, value in given.items() if value), None):
            raise ConfigError(f"{flag} is about batches: give --batch, too")
        return None
    if settings.finish_live and settings.no_live:
        raise ConfigError("--finish-live makes the rest by live calls and --no-live makes none: give one of them")
    if plan.endpoint.is_offline and (settings.detach or settings.batch_files is not None):
        flag = "--detach" if settings.detach else "--batch-files"
        raise ConfigError(f"{flag}: the offline engine ends with the run, and its batches with it; leave it out")
    files = settings.batch_files
    there = next(filter(os.path.lexists, () if files is None else (files, *files.parents)), None)
    if there is not None and not os.path.isdir(there):  # noqa: PTH112 - without an error for what may not be seen
        raise ConfigError(f"--batch-files {files}: {there} is no folder; name one, or one that can be made")
    if files is None:
        rules = rules_of(plan.endpoint)
        for each in plan.models.values() or [plan.settings]:
            batch_fields(each, rules)
    return Batching(
        size=settings.batch_size,
        files=files,
        detach=settings.detach,
        cancel=settings.cancel,
        finish_live=settings.finish_live,
        no_live=settings.no_live or (files is not None and not settings.finish_live),
    )


def _flag_that_means_a_model(settings: Settings) -> str | None:
    """A flag that makes sense only where a model is paid for, as it was given."""
    values = {
        "--model": settings.model,
        "--budget": settings.budget,
        "--tier": settings.tier,
        "--price-in": settings.price_in,
        "--price-out": settings.price_out,
        "--price-cached": settings.price_cached,
    }
    return next((f"{flag} {value}" for flag, value in values.items() if value is not None), None)


def _check_roles(output: Path, log: Path | None, read: Sequence[Path]) -> None:
    """What is written is nothing else that the run reads or writes, by whatever name."""
    paths = OutputPaths.of(output)
    for path in read:
        if paths.owns(path):
            raise ConfigError(f"--output: {output} would be written over {path}, which the recipe is read from")
        if log is not None and is_same_path(log, path):
            raise ConfigError(f"--log: {log} is what the recipe is read from; choose another name")
    if log is not None and (paths.owns(log) or belongs_to_output(log)):
        raise ConfigError(f"--log: {log} belongs to an output; choose another name")


def _notices(settings: Settings, endpoint: Endpoint, environment: Mapping[str, str]) -> list[str]:
    notices = []
    if settings.base_url is None and settings.provider in (None, "openai"):
        name = next((each for each in _FOREIGN_ADDRESSES if environment.get(each)), None)
        # Whoever has set it for other programs may think that it is asked here, too; a key must not follow it.
        if name is not None and environment[name].rstrip("/") != endpoint.base_url:
            notices.append(
                f'{name} is set and not used: --base-url "${name}" asks that address, with the key of {CUSTOM_KEY}'
            )
    if not endpoint.is_offline:
        file = find_dotenv(usecwd=True) if endpoint.key or endpoint.headers else ""
        if file and Path(file).stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            what = f"{file} holds keys and can be read by other users of this machine"
            notices.append(f"{what}: chmod 600 {shlex.quote(file)}")
        if settings.tier is not None and sells(endpoint, settings.tier) is None:
            notices.append(
                f"--tier {settings.tier}: {endpoint.where} may not know service tiers; the summary tells at "
                "which tier calls are billed, where its answers say so"
            )
        return notices
    if settings.provider == OFFLINE:
        return []
    notice = (
        "NO KEY, OFFLINE ENGINE: no OPENROUTER_API_KEY is set, so the built-in offline engine answers. It quotes the "
        "knowledge base; it is not a model and costs nothing."
    )
    return [*notices, f"{notice} {_how_to_get_a_model(environment)}"]


def _how_to_get_a_model(environment: Mapping[str, str]) -> str:
    if other := other_key(environment):
        return f"{other.key_variable} is set: --provider {other.name} uses it."
    if environment.get(CUSTOM_KEY):
        return f"{CUSTOM_KEY} is set: --base-url URL uses it."
    return "For a model, put OPENROUTER_API_KEY=... into the environment or .env, or name a --provider or --base-url."
