"""What a refusal says of the settings of its request: which it names, whether it takes them at all, what a limit is."""

import re
from collections.abc import Iterator, Mapping

from asyncgen.answered import Refusal
from asyncgen.endpoint.tiers import SERVICE_TIER, asked_tier
from asyncgen.recipe.recipe import JsonValue

# The two names of the limit of an answer; who refuses the one as unknown is asked with the other.
OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
UNLEAVABLE = frozenset({"model", "messages", "stream"})
# A refusal of a service tier may name the tier and not the setting.
_TIER_WORDS = re.compile(r"service[_ -]?tier|\b(?:flex|priority) (?:api|tier|processing|inference|mode|requests?)\b")
_FORMAT_WORDS = re.compile(
    r"response[_ ]?format|json[_ ]?schema|json[_ ]?object|json[_ ](?:mode|output)|schema|grammar|structured|"
    r"output[_ ]format|guided|constrained dec"
)
# A setting is refused as such, and not for its value; in the languages that are met.
_UNSUPPORTED_WORDS = re.compile(
    r"unsupported|(?:not|n't|no longer|only) support|"
    r"not (?:permitted|allowed|available|implemented|enabled|recogni[sz]ed)|"
    r"unrecogni[sz]ed|unknown|unexpected|extra (?:inputs|fields)|extra_forbidden|additional propert|unavailable|"
    r"deprecated|only the default|cannot (?:find|be (?:used|set|specified)|both)|may not be|is disabled|"
    r"not a valid (?:param|field)|invalid (?:param|field|argument)|"
    r"不支持|不支援|未知|nicht unterstützt|non (?:pris|supporté)|no soporta"
)
# From here on an endpoint tells what it does take.
_INSTEAD = re.compile(
    r"(?<![a-z])(?<!not )(?:supported|allowed|valid|available|permitted|known|accepted) "
    r"(?:\w+ )?(?:param|field|argument|value|key|propert|option|setting)|"
    r"\buse '|\binstead\b|must be one of|expected one of"
)
_LABEL = r"(?:param\w*|arguments?|fields?|propert\w+|names?|keys?|settings?|inputs?|supplied|permitted)(?:\(s\))?"
_LIMIT_WORDS = re.compile(
    r"max_(?:completion_)?tokens|max_new_tokens|in the completion|completion tokens|output tokens"
)
_CONTEXT = re.compile(r"(?:context (?:length|size|window)|max_model_len|at most|limit)\D{0,24}?([0-9][0-9,]{2,11})")
_PROMPT_TOKENS = re.compile(r"([0-9]{1,9}) (?:in the messages|input tokens|tokens (?:from|in) the (?:input|prompt))")


def speaks_of_format(refusal: Refusal) -> bool:
    """Whether its words are about the structure of the answer."""
    return refusal.param.startswith("response_format") or _FORMAT_WORDS.search(refusal.text) is not None


def is_unsupported(refusal: Refusal) -> bool:
    """Whether what it names is refused as such, and not for its value."""
    return _UNSUPPORTED_WORDS.search(refusal.text) is not None


def named_settings(settings: Mapping[str, JsonValue], refusal: Refusal) -> Iterator[str]:
    """The settings that a refusal names: in its own field for that, else in its words; structure is not among them."""
    param = re.split(r"[.\[]", refusal.param.removeprefix("body."))[0]
    keys = settings.keys() - UNLEAVABLE - {"response_format"}
    if param:
        yield from (key for key in keys if key == param or OTHER_NAME.get(key) == param)
        if param in settings:
            return
    text = _INSTEAD.split(refusal.text)[0] or refusal.text
    for key in keys:
        word = re.escape(key.lower()).replace("_", "[_ ]?")  # also in camel case
        if "_" in key or key == "temperature":
            pattern = rf"(?<![a-z0-9_]){word}(?![a-z0-9_])"
        else:  # a word of everyday language, which must be marked as a name
            pattern = (
                rf"['\"`“‘]{word}['\"`”’]|{_LABEL}\W{{1,4}}(?:[\w.]+, ?)*{word}\b|"
                rf"(?:^|[.:] ?){word}\b ?(?::|is not|not|does)|: {word}\W*$"
            )
        if re.search(pattern, text):
            yield key
    if asked_tier(settings) and _TIER_WORDS.search(text):
        yield SERVICE_TIER


def advice_on_limit(settings: Mapping[str, JsonValue], refusal: Refusal) -> str:
    """What to do about an answer's limit that does not fit; "" when the refusal is about something else."""
    key = next((key for key in OTHER_NAME if key in settings), None)
    is_named = refusal.param in OTHER_NAME or _LIMIT_WORDS.search(refusal.text) is not None
    if key is None or not is_named:
        return ""
    context = _CONTEXT.search(refusal.text)
    prompt = _PROMPT_TOKENS.search(refusal.text)
    size = int(context[1].replace(",", "")) if context else None
    if size is not None and prompt is not None and int(prompt[1]) >= size:
        return ""
    limit = f", the endpoint's limit is {size:,}" if size is not None else ""
    share = f", of which the prompt takes {int(prompt[1]):,}" if limit and prompt is not None else ""
    return f"{key} is {settings[key]}{limit}{share}: lower it with --param {key}=N --allow-changed"
