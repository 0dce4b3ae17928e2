"""The settings of a request as a recipe gives them: which ones endpoints know, and what their values may be.

No list can be whole, so an unknown name is only remarked upon; one that is nearly a known name is a slip of the pen,
which most endpoints would ignore without a word. What a flag sets (`--param`) is not judged here.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.problems import Key, Problems
from asyncgen.recipe.recipe import MODEL, JsonValue, Model
from asyncgen.recipe.tables import ModelTable
from asyncgen.text import is_utf8

_RESERVED = ("messages", "stream")  # set for every call
# Smallest and largest value of numbers that mean the same wherever they are known.
_RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "top_a": (0, 1),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "max_tokens": (-1, math.inf),  # by which some servers mean no limit
    "max_completion_tokens": (-1, math.inf),
}
_TIERS = ("auto", "default", "standard", "flex", "priority", "fast", "scale")
_WHOLE = ("max_tokens", "max_completion_tokens")
_KNOWN = frozenset(
    re.findall(
        r"\S+",
        """
model temperature top_p max_tokens max_completion_tokens frequency_penalty presence_penalty seed stop n user
logit_bias logprobs top_logprobs response_format reasoning_effort verbosity service_tier store metadata modalities
prediction audio tools tool_choice parallel_tool_calls functions function_call web_search_options stream_options
safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options moderation models route provider
transforms plugins reasoning include_reasoning usage top_k top_a min_p repetition_penalty structured_outputs
session_id trace preset cache_control image_config best_of use_beam_search length_penalty stop_token_ids
include_stop_str_in_output ignore_eos min_tokens skip_special_tokens spaces_between_special_tokens
truncate_prompt_tokens prompt_logprobs allowed_token_ids bad_words echo add_generation_prompt continue_final_message
add_special_tokens documents chat_template chat_template_kwargs mm_processor_kwargs guided_json guided_regex
guided_choice guided_grammar guided_decoding_backend guided_whitespace_pattern structural_tag priority request_id
logits_processors return_tokens_as_token_ids return_token_ids cache_salt kv_transfer_params vllm_xargs
thinking_token_budget min_new_tokens regex ebnf separate_reasoning stream_reasoning lora_path no_stop_trim
custom_logit_processor dynatemp_range dynatemp_exponent typical_p repeat_penalty repeat_last_n penalize_nl
dry_multiplier dry_base dry_allowed_length dry_penalty_last_n dry_sequence_breakers xtc_probability xtc_threshold
mirostat mirostat_tau mirostat_eta mirostat_lr mirostat_target grammar grammar_lazy grammar_triggers json_schema
n_predict n_keep n_probs n_indent min_keep id_slot cache_prompt samplers top_n_sigma timings_per_token
post_sampling_probs return_tokens lora t_max_predict_ms reasoning_format reasoning_budget thinking_forced_open
parse_tool_calls options keep_alive format think num_ctx num_predict raw template random_seed safe_prompt
prompt_mode thinking enable_thinking thinking_budget enable_search search_parameters search_settings deferred
context_length_exceeded_behavior prompt_truncate_len speculation raw_output perf_metrics_in_response safety_model
disable_reasoning clear_thinking citation_options compound_custom disable_tool_validation include_domains
exclude_domains data_sources extra_body google safety_settings cached_content generation_config system
""",
    )
)


def read_request(
    table: Mapping[str, object] | None, models: Sequence[ModelTable | None] | None, problems: Problems
) -> tuple[dict[str, JsonValue], tuple[Model, ...]]:
    """The settings of a request, as JSON has them, and the models that share the work, if several do.

    The first of them is the model of the settings: the one that is meant where only one can be named.
    """
    request = _read_settings(table or {}, ("request",), problems)
    if models is None:
        if table is None:
            problems.add(("request",), "missing, but required")
        elif not _is_name(table.get(MODEL)):
            problems.add(("request", MODEL), "expected the model's name")
        return request, ()
    if MODEL in request:
        problems.add(("request", MODEL), "expected no model here, those of [[models]] share the work")
    read = _read_models(models, problems)
    return {MODEL: read[0].name, **request} if read else request, tuple(read)


def _read_models(tables: Sequence[ModelTable | None], problems: Problems) -> list[Model]:
    models: list[Model] = []
    for place, each in enumerate(tables):
        key = ("models", place)
        if each is None or each.model is None:
            continue
        if not _is_name(each.model):
            problems.add((*key, MODEL), "expected the model's name")
        elif each.model in [other.name for other in models]:
            problems.add((*key, MODEL), f"{each.model!r} is there twice, expected a weight instead")
        settings = _read_settings(each.request, (*key, "request"), problems)
        if MODEL in settings:
            problems.add((*key, "request", MODEL), f"expected it beside `weight`, in models[{place}].{MODEL}")
        models.append(Model(each.model, 1.0 if each.weight is None else each.weight, settings))
    if not math.isfinite(sum(each.weight for each in models)):
        problems.add(("models",), "expected weights with a finite sum")
    return models


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and is_utf8(value)


def _read_settings(table: Mapping[str, object], key: Key, problems: Problems) -> dict[str, JsonValue]:
    """Empty after a problem."""
    before = len(problems.found)
    for at, text in _find_unsendable(table, key):
        problems.add(at, text)
    is_sendable = len(problems.found) == before
    for name, value in table.items():
        if name in _RESERVED:
            problems.add((*key, name), "asyncgen sets this one itself, remove it")
        elif name in _RANGES:
            least, most = _RANGES[name]
            is_number = isinstance(value, int if name in _WHOLE else int | float) and not isinstance(value, bool)
            if not is_number or not least <= value <= most:  # type: ignore[operator]  # of numbers alone
                kind = "a whole number" if name in _WHOLE else "a number"
                expected = f"{kind} from {least:g} to {most:g}" if math.isfinite(most) else f"{kind} >= {least:g}"
                problems.add((*key, name), f"expected {expected}, got {value!r}")
        elif name not in _KNOWN:
            hint = did_you_mean(name, _KNOWN)
            told = f"no endpoint is known to have this setting{hint or '; it is sent as it is'}"
            problems.add((*key, name), told, is_warning=not hint)
    if (tier := table.get("service_tier", "auto")) not in _TIERS:
        hint = did_you_mean(tier, _TIERS) if isinstance(tier, str) else f", expected one of {', '.join(_TIERS)}"
        told = f"no provider is known to sell tier {tier!r}{hint or '; it is sent as it is'}"
        problems.add((*key, "service_tier"), told, is_warning=not hint)
    if table.get("n", 1) != 1:
        problems.add((*key, "n"), "a call makes one conversation; further choices would be paid for and dropped")
    if not is_sendable:
        return {}
    settings: dict[str, JsonValue] = msgspec.json.decode(msgspec.json.encode(table))
    return settings


def _find_unsendable(value: object, key: Key) -> Iterator[tuple[Key, str]]:
    """Whatever JSON has no words for."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _find_unsendable(each, (*key, name))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _find_unsendable(each, (*key, place))
    elif not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        yield key, "only JSON values can be sent, no dates, times, nan or inf"
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        yield key, "expected a number of at most 64 bits"
