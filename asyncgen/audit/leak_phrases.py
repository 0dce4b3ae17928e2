r"""What gives a prompt away, and how other assistants excuse themselves: patterns for what models write.

Each pattern stands behind a piece of text in lower case without which it cannot match, because nearly every
conversation holds none of those and a million of them are read. Speaking of prompts, contexts and documents of a
language model is no leak: a pattern asks for the words that point at the writer's own.
"""

import re
from typing import TypeAlias

Patterns: TypeAlias = tuple[tuple[str, re.Pattern[str]], ...]


def _table(*rows: tuple[str, str]) -> Patterns:
    """From rows of anchors, with | between them, and their pattern."""
    compiled = [(anchors, re.compile(pattern, re.IGNORECASE | re.MULTILINE)) for anchors, pattern in rows]
    return tuple((anchor, pattern) for anchors, pattern in compiled for anchor in anchors.split("|"))


_MATERIAL = (
    r"(?:context|text|documents?|documentation|information|facts|knowledge|material|passage|notes|data|reference)"
)
_PROMPT = r"(?:(?:system )?(?:prompt|message)|instructions|guidelines|brief)"
_ACCORDING = (
    r"(?:according to|based on|as per|per|following|as (?:\w+ ){1,2}(?:in|by)"
    r"|(?:stated|described|mentioned|noted|listed|written|specified|said) in)"
)
_HANDED = r"(?:provided|given|supplied|shown|handed)"
_SAYS = (
    r"(?:says|states|mentions|tells|asks|requires|instructs|describes|calls|forbids|contains|includes|does(?:n't| not))"
)
_GUIDED = r"(?:say|state|tell|ask|require|forbid|do not|don't|are to|include|mention|prevent)"

PROMPT_LEAKS = _table(
    ("knowledge base", r"\b(?:the|my|this|provided|given)(?: \w+)? knowledge base\b"),
    ("knowledge_base", r"\bknowledge_base\b"),
    (
        "self_knowledge|self-knowledge|self knowledge|knowledge>",
        r"\bself[_ -]knowledge(?:\.md| file| document)\b|</?knowledge>",
    ),
    ("my knowledge", r"\bmy knowledge (?:file|document|sheet)\b"),
    ("provided", rf"\b(?:the|this|my) (?:\w+ )?provided {_MATERIAL}\b"),
    ("supplied", rf"\b(?:the|this|my) (?:\w+ )?supplied {_MATERIAL}\b"),
    ("the given|this given", rf"\b(?:the|this) given {_MATERIAL}\b"),
    (
        "provided",
        rf"\b{_MATERIAL}(?: that)?(?: was| were| is| are| has been| have been)? provided(?: to me| above| here|,|\.)",
    ),
    (
        "provided d|given d|supplied d|provided s|given s|supplied s|provided m|given m|supplied m",
        (
            rf"\b(?:the|this) (?:context|information|text|documentation|material) {_HANDED} (?:does|do|says|states"
            rf"|mentions)\b"
        ),
    ),
    ("provided to me|given to me|supplied to me|shown to me|handed to me", rf"\b{_MATERIAL} {_HANDED} to me\b"),
    (
        "i was provided|i was given|i was supplied|i was shown|i was handed|i am given|i have been given|been provided",
        rf"\b(?:{_MATERIAL}|{_PROMPT}) (?:that )?i (?:was|am|have been) {_HANDED}\b",
    ),
    ("i've been", rf"\b(?:{_MATERIAL}|{_PROMPT}) (?:that )?i've been {_HANDED}\b"),
    (" above", rf"\b(?:the|this) {_MATERIAL} above\b"),
    ("the above", rf"\bthe above {_MATERIAL}\b"),
    ("the source|my source", r"\b(?:the|my) source (?:material|documents?|text)s?\b"),
    ("reference ", r"\b(?:the|my) reference (?:text|document|material|sheet)s?\b"),
    ("fact sheet", r"\b(?:the|my) fact sheet\b"),
    ("the document|this document|my document", rf"\b{_ACCORDING} (?:the|this|my) documents?\b(?! (?:you|that you)\b)"),
    ("the document|this document|my document", rf"\b(?:the|this|my) documents? {_SAYS}\b"),
    ("prompt", rf"\b{_ACCORDING} (?:my|the|this|your) {_PROMPT}\b|\b(?:in|from|by) my (?:system )?prompt\b"),
    ("prompt ", rf"\b(?:my|the|this) (?:system )?prompt {_SAYS}\b"),
    ("instruct", rf"\b(?:{_ACCORDING}|by|in) my instructions\b|\bmy instructions {_GUIDED}\b|\bas instructed\b"),
    ("instruct", r"\bi(?:'ve| have| was| am)(?: been)? instructed\b"),
    ("guidelines", rf"\bmy guidelines {_GUIDED}\b|\b(?:according to|as per|per) my guidelines\b"),
    (
        "told to",
        (
            r"\bi(?: was|'ve been| have been|'m| am) told to (?:say|answer|respond|act|pretend|play|write|keep|stay"
            r"|avoid)\b"
        ),
    ),
    (
        "scenario",
        r"\b(?:in|for|per|given|from|following) (?:this|the) scenario\b(?! (?:where|that|when|of|in which)\b)",
    ),
    ("scenario", rf"\b(?:the|this) scenario(?:'s\b| {_SAYS}\b| (?:given|provided)\b)|^ *scenario ?:"),
    ("persona", r"\b(?:the|my|your|this|user|assigned|given) (?:user )?persona\b|\bpersona ?:"),
    ("dynamic", rf"^ *dynamic ?:|\b(?:the|this) dynamic {_SAYS}\b|\b(?:as per|per|following) the dynamic\b"),
    (
        "-turn ",
        r"\b(?:this is|since this|as this)(?: is)? (?:an? )?\w+[- ](?:turn|message) (?:conversation|learning|exchange)",
    ),
    ("topic:|topic :", r"^ *topic ?: "),
    ("(note: this|this is message|user now asks", r"\bmessage \d+ of \d+\b|\bthe user now asks\b"),
    (
        "here is|here's|below is|end of conversation",
        r"\b(?:here is|here's|below is) (?:the|a|your) (?:\w+ )?conversation\b|\bend of conversation\b",
    ),
    (
        "synthetic conversation",
        r"\byou write synthetic conversations\b|\bsynthetic conversation (?:for|about|between)\b",
    ),
    ("json", r"\b(?:here is|here's) (?:the|a|your) json\b"),
    ('"messages"', r'\{\s*"messages"\s*:'),
    ('"role"', r'\{\s*"role"\s*:\s*"(?:user|assistant|system)"'),
    ("{topic}|{persona}|{dynamic}|{knowledge}", r"\{(?:topic|persona|dynamic|knowledge)\}"),
    ("marked lines", r"\bmarked lines\b"),
    ("first_message", r"\bfirst_message_examples\b"),
)

_AI = (
    r"(?:(?:responsible |mere |just )?(?:ai|a\.i\.|artificial intelligence)|(?:large )?language model|llm|chatbot)"
    r"(?:(?: language)? (?:model|assistant|system|program|chatbot))?"
)
_CANNOT = r"(?:cannot|can't|can not|am unable to|'m unable to|am not able to|'m not able to)"
_NAMED = r"(?! (?:(?:language )?(?:model|assistant|system|program|chatbot) )?(?:call|nam|known|that|and)\w*)"
_AI_IN_FULL = (
    r"(?:(?:responsible |mere )?(?:ai|artificial intelligence) (?:language model|assistant|chatbot)"
    r"|responsible ai|ai-powered \w+"
    r"|large language model|language model|llm)"
)
_AS_AN_AI = (
    "as an ai|as an a.i|as an artificial|as a language|as a large|as an llm|as a chatbot|as a responsible|as a mere"
)
_EXCUSE = (
    r"(?:cannot|can't|can not|am unable|'m unable|am not able|'m not able|must|have to|lack"
    r"|(?:do not|don't) (?:have|possess) (?:personal|feelings|emotions|opinions|access|beliefs))\b"
)
_IT_IS_I = r"\b(?:i am|i'm|i was|a (?:large )?language model|an ai)\b"
_MINE = r"(?<!know )\bmy (?:knowledge|training|training data|data)(?:'s)?"
_UNKNOWN = r"(?! (?:date )?(?:is|was) (?:not (?:known|recorded|stated|published)|unknown))"

DISCLAIMERS = _table(
    (_AS_AN_AI, rf"\bas an? {_AI_IN_FULL}\b{_NAMED}[^.!?]{{0,60}}?\b(?:i|i'm|my)\b"),
    (_AS_AN_AI, rf"\bas an? {_AI}\b{_NAMED}[^.!?]{{0,60}}?\b(?:i|i'm) ?{_EXCUSE}"),
    ("being a", rf"\bbeing an? {_AI}\b{_NAMED}[^.!?]{{0,60}}?\b(?:i|i'm|my)\b"),
    ("just a", rf"\bi(?:'m| am) just an? {_AI}\b"),
    ("only a", rf"\bi(?:'m| am) only an? {_AI}\b"),
    ("merely a", rf"\bi(?:'m| am) merely an? {_AI}\b"),
    ("simply a", rf"\bi(?:'m| am) simply an? {_AI}\b"),
    ("i am an ai", rf"\bnote that i am an {_AI}\b|\bi am an ai language model\b{_NAMED}"),
    ("i'm an ai", rf"\bnote that i'm an {_AI}\b|\bi'm an ai language model\b{_NAMED}"),
    ("cutoff",
        (rf"{_MINE} cutoff\b{_UNKNOWN}|\bknowledge cutoff (?:date )?(?:is|was) (?:in "
        rf"|around )?(?:\w+ )?20\d\d\b")),
    ("cut-off", rf"{_MINE} cut-off\b{_UNKNOWN}"),
    ("my last",
        (r"\bas of my last (?:knowledge |training )?(?:update|training|cutoff)\b"
        r"|\bmy last (?:knowledge )?update\b")),
    ("training data",
        (r"\bmy training data (?:only )?(?:goes up to|ends|extends"
        r"|includes information (?:up )?(?:to|until))\b")),
    ("real-time", r"\bi (?:do not|don't|cannot|can't) (?:have )?access (?:to )?real-time\b"),
    ("personal",
        (r"\bi (?:do not|don't) have personal (?:opinions|beliefs|preferences|feelings|experiences"
        r"|emotions)\b")),
    ("with that|with this", rf"\bi ?{_CANNOT} (?:assist|help|comply)(?: you)? with (?:that|this)\b"),
    ("this request|that request|your request|such a request",
        (rf"\bi ?{_CANNOT} (?:fulfill|fulfil|comply with|help with|assist with|process) (?:that|this"
        rf"|your|such a) request\b")),
    ("sorry", rf"\bi(?:'m| am) sorry,? but i ?{_CANNOT} (?:assist|help|fulfil|comply|provide|discuss|engage)"),
    ("apologi", rf"\bi apologi[sz]e,? but i ?{_CANNOT} (?:assist|help|fulfil|comply|provide|discuss|engage)"),
    ("advice", rf"\bi ?{_CANNOT} (?:provide|give|offer) (?:\w+,? ){{0,2}}(?:medical|legal|financial)"),
    ("have to decline", rf"\bas an? {_AI}\b[^.!?]*\bhave to decline\b"),
    *((f"by {maker}", rf"{_IT_IS_I}(?:(?!\bnot\b|n't|\bnor\b)[^.!?]){{0,40}}\bby {maker}\b") for maker in (
        "openai", "google", "anthropic", "meta", "microsoft", "deepseek", "alibaba",
    )),
    *((name, rf"\b(?:i am|i'm|my name is|this is) {name}\b(?= speaking|[,.!;]| and\b|$)") for name in (
        "chatgpt", "claude", "gemini", "bard", "copilot", "llama", "mistral", "grok", "deepseek", "qwen", "gpt-4",
    )),
)  # fmt: skip
