"""Control tokens of chat templates; one that the text, or the question before it, talks about is none."""

import re
from collections.abc import Iterator

from asyncgen.audit.reading.language import any_phrase
from asyncgen.audit.rules import Finding, Span, excerpt
from asyncgen.audit.subject import Subject

_TOKEN = re.compile(
    r"<\|[\w ./-]{1,40}\|>|<\|(?:im_start|im_end|endoftext)|<\uff5c[^<>\uff5c]{1,40}\uff5c>|\[/?INST\]|<</?SYS>>"
    r"|</?s>|<(?:start|end)_of_turn>|</?(?:bos|eos|pad|unk|think|tool_call|tool_response|sep|cls|mask)>"
    r"|<(?:start|end)_of_(?:text|image|utterance)>|\[/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|<[a-z_]{2,30}\|>|<\|[a-z_]{2,30}>|\b(?:im_start|im_end|endoftext|eot_id|end_of_text)\|>|\|im_(?:start|end)\|"
    r"|</?(?:tool_calls?|tool_results?|tool_responses?|function_calls?|function|invoke|reasoning|scratchpad|thinking|thought"
    r"|reflection|analysis|arg_key|arg_value|answer|final_answer|sop|eop|image|extra_id_\d{1,3}|unused\d{1,3}|fim_\w{3,8}|0x[0-9A-F]{2})>"
    r"|\[gMASK\]|\u0120\w+[^\n]{0,40}\u0120|\u2581\w+"
    r"|<(?:BOS|EOS|PAD)_TOKEN>|\[(?:BOS|EOS|PAD|SEP|CLS|MASK|UNK)\]|^### (?:Instruction|Response|Human"
    r"|Assistant|User|System|Input) ?:",
    re.MULTILINE,
)
_HINTS = ("<", "[", "###", "|", "\u0120", "\u2581")
_TALK = any_phrase("control-token", "talk")
_QUOTES = frozenset("\"'`")
_NEAR = 100  # characters on each side of a control token
_ROLE_AFTER = re.compile(r"\s*(?:user|assistant|system|model|<\||\[/?INST|</?s>|<start_of|$)")


def check_control_tokens(subject: Subject) -> Iterator[Finding]:
    question = ""
    for position, message in enumerate(subject.record.conversation):
        if span := find_control_token(message.content, question):
            yield Finding("control-token", subject.record.number, position, excerpt(message.content, *span))
        question = message.content


def find_control_token(text: str, question: str = "") -> Span | None:
    """The first control token that leaked."""
    if not any(map(text.__contains__, _HINTS)):
        return None
    is_talk: bool | None = None
    for match in _TOKEN.finditer(text):
        if is_talk is None:
            is_talk = bool(_TALK.search(f"{question} {_TOKEN.sub('', text)}"))
        start, end = match.span()
        is_quoted = start > 0 and text[start - 1] in _QUOTES and text[end : end + 1] in _QUOTES
        if not (is_quoted or (is_talk and _is_mentioned(text, start, end))):
            return start, end
    return None


def _is_mentioned(text: str, start: int, end: int) -> bool:
    """Whether a token stands in a sentence, as a word, and not where a chat template would have put it."""
    before, after = text[max(start - _NEAR, 0) : start], text[end : end + _NEAR]
    if before[-1:] in {'"', "'", "`", "("} and after[:1] in {'"', "'", "`", ")", ",", " "}:
        return True
    said = before.rstrip(" ")
    if not said or said[-1] in ".!?\n":  # it opens a sentence, or closes what has ended
        return re.match(r" (?:[a-z]|and\b)", after) is not None and not _ROLE_AFTER.match(after)
    if said == before and before[-1:] not in {"(", "/", ","}:
        return False
    return re.match(r"[\s.,;:!?)/]|$", after) is not None and not re.match(r"\s*(?:user|assistant|system)\n", after)
