"""The settings of a request as a recipe gives them: which ones endpoints know, and what their values may be.

No list can be whole, so an unknown name is only remarked upon; one that is nearly a known name is a slip of the pen,
which most endpoints would ignore without a word. What a flag sets (`--param`) is not judged here.
"""

import math
import re
from collections.abc import Iterator, Mapping

import msgspec

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.problems import Key, Problems
from asyncgen.recipe.recipe import JsonValue, is_text

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


def read_request(table: Mapping[str, object], problems: Problems) -> dict[str, JsonValue]:
    """The settings, as JSON has them."""
    for key, text in _find_unsendable(table, ("request",)):
        problems.add(key, text)
    model = table.get("model")
    if not isinstance(model, str) or not model or not is_text(model):
        problems.add(("request", "model"), "expected the model's name")
    for name, value in table.items():
        if name in _RESERVED:
            problems.add(("request", name), "asyncgen sets this one itself, remove it")
        elif name in _RANGES:
            _check_range(name, value, problems)
        elif name not in _KNOWN:
            hint = did_you_mean(name, _KNOWN)
            told = f"no endpoint is known to have this setting{hint or '; it is sent as it is'}"
            problems.add(("request", name), told, is_warning=not hint)
    if table.get("n", 1) != 1:
        problems.add(("request", "n"), "a call makes one conversation; further choices would be paid for and dropped")
    if problems.has_errors:
        return {}
    request: dict[str, JsonValue] = msgspec.json.decode(msgspec.json.encode(table))
    return request


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


def _check_range(name: str, value: object, problems: Problems) -> None:
    least, most = _RANGES[name]
    is_number = isinstance(value, int if name in _WHOLE else int | float) and not isinstance(value, bool)
    if not is_number or not least <= value <= most:  # type: ignore[operator]  # of numbers alone
        kind = "a whole number" if name in _WHOLE else "a number"
        expected = f"{kind} from {least:g} to {most:g}" if math.isfinite(most) else f"{kind} >= {least:g}"
        problems.add(("request", name), f"expected {expected}, got {value!r}")
