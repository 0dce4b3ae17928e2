r"""What gives a prompt away, and how other assistants excuse themselves: patterns for what models write.

A pattern is looked for in texts that have a word of each part of one of its gates, because nearly every conversation
has none of those and a million of them are read. Speaking of prompts, contexts and documents of a language model is no
leak, and calling oneself a language model no disclaimer: a pattern asks for the words that point at the writer's own
prompt, or at a stock excuse. Patterns are families (a kind of material, a verb of saying), not sentences. No part of
one repeats without a bound: what a text repeats would be tried from each of its beginnings to the end.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

_Gate: TypeAlias = tuple[frozenset[bytes], ...]  # one word of each

_WORD_BYTES = bytes(
    each if each > 0x7F or chr(each).isalnum() or each == ord("'") else ord(" ")  # noqa: PLR2004 - ASCII ends there
    for each in range(256)
)


def collect_words(text: str) -> set[bytes]:
    """The words of a text; an apostrophe is part of a word and a hyphen is not."""
    return set(text.encode("utf-8", "surrogatepass").translate(_WORD_BYTES).split())


@dataclass(frozen=True, slots=True)
class Patterns:
    """`gates`: by a word of its first part what else a gate asks for, and the place of the pattern that it opens."""

    patterns: tuple[re.Pattern[str], ...]
    gates: dict[bytes, list[tuple[_Gate, int]]]
    words: frozenset[bytes]

    @classmethod
    def of(cls, *rows: tuple[str, str]) -> "Patterns":
        """From rows of gates and their pattern. Of "a/b c|d" opens one word of each part: a and c, b and c, or d.

        The words of a gate are in lower case, and its first part is its rarest.
        """
        gates: dict[bytes, list[tuple[_Gate, int]]] = {}
        for place, (alternatives, _) in enumerate(rows):
            for gate in alternatives.split("|"):
                first, *others = [frozenset(part.encode().split(b"/")) for part in gate.split()]
                for word in first:
                    gates.setdefault(word, []).append((tuple(others), place))
        compiled = tuple(re.compile(pattern, re.MULTILINE) for _, pattern in rows)
        return cls(compiled, gates, frozenset(gates))

    def select(self, words: set[bytes]) -> Iterator[re.Pattern[str]]:
        """The patterns that a text in lower case of these words can match, in their order."""
        found = self.words & words
        if found:
            opened = {
                place for word in found for others, place in self.gates[word] if not any(map(words.isdisjoint, others))
            }
            for place in sorted(opened):
                yield self.patterns[place]


# ---- prompt-leak

_MATERIAL = (
    r"(?:context|text|documents?|documentation|information|facts|knowledge|material|passages?|notes|data|references?"
    r"|articles?|excerpts?|guide|background|content|snippets?|sources?)"
)
_GIVEN = r"(?:context|text|documents?|documentation|information|facts|knowledge|material|passage|notes|data|reference)"
_PAGES = r"(?:documents?|passages?|excerpts?|materials?|source (?:text|material|document)s?)"
_KIND = r"(?:(?:background|reference|source|supporting|contextual) )?"
_PROMPT = r"(?:(?:system )?(?:prompt|message)|instructions|guidelines|brief)"
_ACCORDING = (
    r"(?:according to|based on|as per|per|following|as (?:\w+ ){1,2}(?:in|by)"
    r"|(?:stated|described|mentioned|noted|listed|written|specified|said|covered|discussed) in)"
)
_HANDED = r"(?:provided|given|supplied|shown|handed)(?: with)?"
_SAYS = (
    r"(?:says|states|mentions|tells|asks|requires|instructs|describes|calls|forbids|contains|includes|wants|lists"
    r"|specifies|covers|outlines|notes|indicates|does(?:n't| not))"
)
_SAY = (
    r"(?:say|state|mention|tell|specify|cover|describe|indicate|address|list|explain|discuss|reveal|give|provide"
    r"|include|contain)"
)
_SILENT = rf"(?:(?:do|does)(?:n't| not) {_SAY}|(?:is|are) silent|says? nothing)"
_GUIDED = r"(?:say|state|tell|ask|require|forbid|do not|don't|are to|include|mention|prevent)"
_BEEN = r"i(?: was| am| have been| had been|'ve been|'m)"
_IN_TRAINING = r"(?! (?:during|while|at training|in (?:pre|mid|fine|train)|to (?:read|learn|imitate|train)))"
_ELSEWHERE = r"(?! (?:of|you|that you|from|on|in|window|length)\b)"
_TALK = r"(?:conversation|dialog(?:ue)?|exchange|chat|transcript)"
_MUST = r"\bi(?:'ll| (?:should|will|need|must|have to|am going to))\b"

PROMPT_LEAKS = Patterns.of(
    (
        "knowledge",
        (
            r"\b(?:the|my|this|provided|given)(?: \w+)? knowledge base\b|\bknowledge_base\b|</?knowledge>"
            r"|\bself_knowledge\b|\bself[ -]knowledge(?:\.md| file| document)\b"
            r"|\b(?:the|my|this) knowledge (?:file|document|doc|sheet|section|block|text)s?\b"
        ),
    ),
    (
        "provided|supplied",
        (
            rf"\b(?:the|this|my) (?:\w+ )?(?:provided|supplied) {_KIND}{_MATERIAL}\b|\b{_GIVEN}(?: that)?"
            rf"(?: was| were| is| are| has been| have been)? provided(?: to me| above| here|,|\.)"
        ),
    ),
    (
        "provided/supplied/shown/handed|given/gave the/this/to/i/i've/i'm/you/you've",
        (
            rf"\b(?:the|this) given {_GIVEN}\b|\b{_MATERIAL} {_HANDED} to me\b"
            rf"|\b(?:the|this) (?:context|information|text|documentation|material) {_HANDED} (?:does|do|says|states"
            rf"|mentions)\b"
            rf"|\b(?:{_MATERIAL}|{_PROMPT}|rules|role) (?:that )?{_BEEN} {_HANDED}\b{_IN_TRAINING}"
            rf"|\b(?:according to|going by|based on|from|beyond|with) (?:what|all) {_BEEN} {_HANDED}\b{_IN_TRAINING}"
            rf"|\b(?:context|{_PAGES}) (?:that )?you(?:'ve| have)? (?:provided|given|gave|supplied)\b"
        ),
    ),
    ("above the/this/these", rf"\b(?:the|this|these) {_GIVEN} above\b|\bthe above {_GIVEN}\b"),
    (
        "source|reference|background|grounding",
        (
            r"\b(?:the|my) (?:source|reference|background|grounding) (?:material|document|text|sheet|notes?|information"
            r"|facts?)s?\b"
        ),
    ),
    (
        "sheet|factsheet|briefing|dossier",
        r"\b(?:the|my) (?:(?:fact|info|information|cheat) ?sheet|briefing|dossier)\b",
    ),
    (
        "retrieved",
        (
            rf"\b{_ACCORDING} the retrieved\b"
            rf"|\bthe retrieved (?:context|text|information|{_PAGES}) (?:{_SAYS}|{_SILENT})\b"
        ),
    ),
    ("sources", rf"\b(?:the|my|these) sources (?:mention|say|state|{_SILENT})\b"),
    (
        "document/documents/passage/passages/excerpt/excerpts/material/materials/source the/this/my/access",
        (
            rf"\b{_ACCORDING} (?:the|this|my) {_PAGES}\b{_ELSEWHERE}|\b(?:the|this|my) {_PAGES} (?:{_SAYS}|{_SILENT})\b"
            rf"|\b(?:documents?|materials?) (?:that )?i have access to\b"
        ),
    ),
    (
        (
            "context according/stated/mentioned/described/specified/covered/noted/based/per/going/say/state/mention"
            "/specify/indicate/describe/tell/provide/says/states/mentions/specifies/indicates"
        ),
        (
            rf"\b(?:according to|(?:stated|mentioned|described|specified|covered|noted) in) the context\b{_ELSEWHERE}"
            r"|(?:^|[.!?:\"] )(?:based on|per|going by|as per) the context(?: alone)?,"
            r"|\bthe context (?:(?:does not|doesn't) (?:say|state|mention|specify|indicate|describe|tell|provide)"
            r"|(?:says|states|mentions|specifies|indicates))\b"
        ),
    ),
    (
        "facts/text/information/notes say/mention/specify/state/says/silent/mentioned/stated/covered/specified/cover",
        (
            r"\b(?:mentioned|stated|covered|specified) in the (?:facts|text|information|notes)\b"
            r"(?! (?:of|you|from|on|in|about|that|for|section|file|field|below)\b)"
            r"|\b(?:information|facts) (?:that )?i have (?:does|do)(?:n't| not) (?:say|mention|cover|specify|state)\b|"
            r"\b(?:the|my|these) (?:facts|text|information|notes) (?:(?:do|does)(?:n't| not) (?:say|mention|specify"
            r"|state)|says? nothing|(?:is|are) silent)\b"
        ),
    ),
    (
        "facts/text/information/notes stay/staying/keep/keeping/stick/sticking",
        (
            r"\b(?:stay|keep|stick)(?:ing)? (?:within|to|strictly to|close to) the (?:facts|text|information|notes)"
            r" (?:i (?:was|am|have)|i've|above|given|provided|at hand)\b"
        ),
    ),
    (
        "beyond/outside what",
        (
            rf"\b(?:beyond|outside)(?: of)? what (?:the|my) (?:{_PAGES}|context|facts|text|notes|information)"
            rf" (?:{_SAY}s?|specifies|covers)\b"
        ),
    ),
    (
        "supposed/allowed/required/permitted i'm/am the/my/these",
        (
            r"\bi(?:'m| am)(?: only)? (?:supposed|allowed|required|permitted) to (?:only )?(?:use|answer|rely|state"
            rf"|draw|speak|respond)\b[^.!?\n]{{0,30}}? (?:(?:from|on|in) )?(?:the|my|these) {_GIVEN}\b"
        ),
    ),
    (
        "prompt|message system",
        (
            r"\b(?:according to|as per|per|as (?:\w+ ){1,2}(?:in|by)|(?:stated|described|mentioned|noted|listed|written"
            r"|specified|said) in) (?:my|the|this|your) (?:system (?:prompt|message)|prompt)\b"
            r"|\b(?:in|from|by|based on|following|reveal|share|disclose|repeat|quote) my (?:system )?prompt\b"
        ),
    ),
    ("prompt", rf"\b(?:my|the|this) (?:system )?prompt {_SAYS}\b|\bto me in the prompt\b"),
    (
        "below/under/within words/sentences/messages/turns",
        (
            r"\bi (?:have to|must|should|need to|am to) (?:stay|keep|remain|answer|be)(?: \w+)? (?:below|under|within)"
            r" (?:\w+ ){1,3}(?:words|sentences|messages|turns)\b"
        ),
    ),
    (
        "never/not open/begin/start should/must",
        r"\bi (?:should|must) (?:never|not) (?:open|begin|start) (?:by|with|the|my|this)\b",
    ),
    ("system", rf"\b(?:my system (?:message|prompt)|(?:my|the) system instructions?) (?:{_SAYS}|{_SAY})\b"),
    (
        "instructions",
        (
            rf"\b(?:{_ACCORDING}|by|in) my instructions\b|\bmy instructions {_GUIDED}\b"
            r"|\binstructions (?:that )?i (?:received|got|was)\b"
            r"|\b(?:reveal|share|disclose|repeat|quote|override) my (?:initial |original |system )?instructions\b"
            r"|\bthe instructions (?:tell|ask|require|want|forbid|allow|order) me\b"
        ),
    ),
    ("instructed", r"\bas instructed\b|\bi(?:'ve| have| was| am)(?: been)? instructed\b"),
    (
        "guidelines|rules",
        (
            rf"\bmy guidelines {_GUIDED}\b|\b(?:according to|as per|per) my guidelines\b"
            r"|\bthe (?:conversation|dialogue) (?:guidelines|rules)\b"
        ),
    ),
    (
        "told/asked/prompted/directed/assigned i/i'm/i've",
        (
            rf"\b{_BEEN} told to (?:say|answer|respond|act|pretend|play|write|keep|stay|avoid)\b"
            rf"|\b{_BEEN} (?:asked|prompted|directed|assigned) to (?:play|act|pretend|portray|stay|role-?play)\b"
            r"|\bi(?: was|'ve been| have been) told (?:that )?(?:i am|i'm|my name)\b"
        ),
    ),
    ("character", r"\b(?:stay|remain|keep)(?:ing)? in character\b|\bbreak(?:ing)? character\b"),
    (
        "scenario",
        (
            r"\b(?:in|for|per|given|from|following) (?:this|the) scenario\b(?! (?:where|that|when|of|in which)\b)"
            rf"|\b(?:the|this) scenario(?:'s\b| {_SAYS}\b| (?:given|provided)\b)|^ *scenario ?:"
        ),
    ),
    ("persona", r"\b(?:the|my|your|this|user|assigned|given) (?:user )?persona\b|\bpersona ?:"),
    ("dynamic", rf"^ *dynamic ?:|\b(?:the|this) dynamic {_SAYS}\b|\b(?:as per|per|following) the dynamic\b"),
    (
        "requested/required/assigned/specified/prescribed style/tone/length/number",
        (
            r"\b(?:following|per|matching|given) the (?:requested|required|assigned|specified|prescribed) (?:style|tone"
            r"|length|number of)\b"
        ),
    ),
    (
        "turn|message",
        (
            r"\b(?:this is|since this|as this)(?: is)? (?:an? )?\w+[- ](?:turn|message) (?:conversation|learning"
            r"|exchange)|\bmessage \d+ of \d+\b|[(\[](?:turn|message) \d+\b"
        ),
    ),
    ("topic", r"^ *topic ?: "),
    (
        "user",
        (
            r"\bthe user now asks\b"
            rf"|\b(?:since|because|as|given that|now that) the user\b[^.!?\n]{{0,60}}{_MUST}"
            rf"|\bthe user (?:asks|asked|wants|is asking|seems|opens|wrote|has asked)\b[^.!?\n]{{0,60}}{_MUST}"
            rf"|\bin this (?:\w+ )?{_TALK},? the user is\b"
        ),
    ),
    (
        "here/here's/below conversation/dialogue/dialog/exchange/chat/transcript the/a/your",
        (
            r"\b(?:here is|here's|below is) (?:the|a|your) (?:(?:\S+ )?conversation"
            rf"|(?:\S+ ){{0,2}}{_TALK}(?: (?:you|as) (?:requested|asked)|,? as requested| (?:that|which) follows"
            r"| based on| for (?:this|the)))\b"
        ),
    ),
    (
        "simulated|synthetic|fictional|scripted|played",
        (
            r"\byou write synthetic conversations\b|\bsynthetic conversation (?:for|about|between)\b"
            rf"|\bthis (?:simulated|synthetic|fictional|scripted|role-?played) {_TALK}\b"
        ),
    ),
    (
        "continues/ends/begins/starts/over/end conversation/dialogue/dialog/exchange/chat/transcript",
        rf"[(\[](?:the )?{_TALK} (?:continues|ends|begins|starts|is over)\b|\bend of conversation\b",
    ),
    ("json", r"\b(?:here is|here's) (?:the|a|your) json\b"),
    ("messages|role user/assistant/system", r'\{\s*"messages"\s*:|\{\s*"role"\s*:\s*"(?:user|assistant|system)"'),
    ("topic|persona|dynamic|knowledge", r"\{(?:topic|persona|dynamic|knowledge)\}"),
    ("marked lines", r"\bmarked lines\b"),
    ("example|first examples", r"\bfirst_message_examples\b|\bexample (?:openers?|first messages?)\b"),
)

# ---- ai-disclaimer

_AI = (
    r"(?:(?:(?:responsible|mere|just|conversational|generative|helpful|advanced) )?"
    r"(?:ai|a\.i\.|artificial intelligence)|(?:large )?language model|llm|chatbot"
    r"|machine learning model|computer program|(?:virtual|digital) assistant)"
    r"(?:(?: language)? (?:model|assistant|system|program|chatbot))?"
)
_CANNOT = r"(?:cannot|can't|can not|am unable to|'m unable to|am not able to|'m not able to)"
_NAMED = r"(?! (?:(?:language )?(?:model|assistant|system|program|chatbot) )?(?:call|nam|known|that|and)\w*)"
_AI_IN_FULL = (
    r"(?:(?:responsible |mere )?(?:ai|artificial intelligence) (?:language model|assistant|chatbot)"
    r"|responsible ai|ai-powered \w+|(?:virtual|digital) assistant|computer program|artificial intelligence"
    r"|large language model|language model|llm)"
)
_EXCUSE = (
    r"(?:cannot|can't|can not|am unable|'m unable|am not able|'m not able|must|have to|lack"
    r"|(?:do not|don't) (?:have|possess) (?:personal|feelings|emotions|opinions|access|beliefs))\b"
)
_SELF = "ai/llm/chatbot/language/artificial/computer/assistant/machine"
_INNER = (
    r"(?:feelings?|emotions?|opinions?|beliefs?|preferences?|consciousness|experiences?|sentience|boredom|excitement"
    r"|favou?rites?)"
)
_IT_IS_I = (
    r"\b(?:i am|i'm|i was|a (?:large )?language model|an ai|as an? (?:(?:ai|virtual|helpful) )?(?:assistant|model))\b"
)
_MINE = r"(?<!know )\bmy (?:knowledge|training|training data|data)(?:'s)?"
_UNKNOWN = r"(?! (?:date )?(?:is|was) (?:not (?:known|recorded|stated|published)|unknown))"
_YEAR = r"(?:\w+ ){0,3}20\d\d\b"
_EXPERT = r"(?:doctor|physician|lawyer|attorney|advis[eo]r|professional|therapist|accountant)s?"
_LEARNED = r"(?:medical|legal|financial|investment|tax|professional|health)"
_MAKERS = "openai|google|anthropic|meta|microsoft|deepseek|alibaba|mistral"
_NAMES = "chatgpt|claude|gemini|bard|copilot|llama|mistral|grok|deepseek|qwen"

DISCLAIMERS = Patterns.of(
    (
        f"{_SELF} as",
        (
            rf"\bas (?:an?|your) {_AI_IN_FULL}\b{_NAMED}[^.!?]{{0,60}}?\b(?:i|i'm|my)\b"
            rf"|\bas an? {_AI}\b{_NAMED}[^.!?]{{0,60}}?\b(?:i|i'm) ?{_EXCUSE}"
            rf"|\bas an? {_AI}\b[^.!?]{{0,300}}\bhave to decline\b"
            rf"|\bas an? {_AI}\b{_NAMED}[^.!?]{{0,60}}?\bi (?:do not|don't|can|may|might)\b"
            r"|\bas your (?:helpful )?(?:ai|virtual|digital) \w+\b|\bas an ai,? (?:i|my|it(?: is|'s))\b"
        ),
    ),
    (f"being {_SELF}",
        rf"\bbeing an? {_AI}\b{_NAMED}[^.!?]{{0,60}}?\b(?:i|i'm|my)\b|\bi\b[^.!?]{{0,300}}, being an? {_AI}[.!]"),
    (f"{_SELF} just/only/merely/simply i'm/am", rf"\bi(?:'m| am) (?:just|only|merely|simply) an? {_AI}\b"),
    (f"{_SELF} note/remember/mind/aware/important/model i'm/am",
        (rf"\b(?:note|remember|mind|aware|important)\b[^.!?]{{0,20}} that i(?:'m| am) (?:only |just )?an? {_AI}\b"
        rf"|\bi(?:'m| am) an ai language model\b{_NAMED}")),
    ((f"{_SELF} since/because/as/while/although/though/given i'm/am"
        " not/don't/doesn't/cannot/can't/lack/no"),
        (rf"\b(?:since|because|as|while|although|though|given that) i(?:'m| am) (?:only |just )?an? {_AI}\b"
        rf"[^.!?]{{0,60}}(?:\b(?:not|cannot|lack|no)|n't)\b[^.!?]{{0,30}} {_INNER}\b")),
    ("personal|ability/capacity/capability/capable for/to/of",
        (rf"\bi (?:do not|don't|cannot|can't|am not able to|am unable to) (?:have|hold|form|possess|express|share|offer"
        rf"|experience|give)(?: \w+)? ?personal (?:views|thoughts|{_INNER})\b"
        rf"|\b(?:ability|capacity|capability) (?:for|to (?:have|hold|form|feel|experience|possess))(?: personal)?"
        rf" {_INNER}\b|\bcapable of (?:having|forming|feeling|holding|experiencing)(?: personal)? {_INNER}\b")),
    ("cutoff/cut my/knowledge",
        (rf"{_MINE} cut-?off\b{_UNKNOWN}|\bknowledge cut-?off (?:date )?(?:is|was) (?:in |around )?(?:\w+ )?20\d\d\b"
        rf"|{_MINE} (?:has|had|have) an? (?:\w+ )?cut-?off\b")),
    ("last/latest update/updated/training/cutoff/data/trained",
        (r"\bas (?:of|per) my (?:last|latest) (?:knowledge |training )?(?:update|training|cutoff|data)\b"
        rf"|\bmy last (?:knowledge |training )?update\b|\bi was last (?:updated|trained) (?:in|on|around) {_YEAR}")),
    ("goes/ends/stops/extends/includes/covers/current/limited/accurate/date my training/knowledge/data/information",
        (r"\bmy training(?: data)? (?:only )?(?:goes up to|ends|extends|(?:includes|covers) \w+ (?:up )?(?:to|until))\b"
        rf"|\bmy (?:knowledge|training|data|information) (?:only )?(?:goes (?:up )?to|goes until|ends|stops|extends"
        rf"|is (?:only )?(?:current|limited|accurate|up to date))\b[^.!?]{{0,20}}?\b{_YEAR}")),
    ("events/developments/anything after/since/beyond/past information/knowledge/data",
        (rf"\b(?:information|knowledge|data) (?:on|about|of) (?:\w+ )?(?:events|developments|anything) (?:after|since"
        rf"|beyond|past) {_YEAR}")),
    ("real time|realtime", (r"\b(?:i|have|to|no|any|without|lack) (?:have |access to |access ){0,3}real-?time (?:data"
        r"|info|information|updates|news)\b"
        r"|\bi (?:do not|don't|cannot|can't) (?:have )?(?:access (?:to )?)?real-time\b")),
    ("assist/help/comply/fulfill/fulfil/process i/i'm that/this/your/such",
        (rf"\bi ?{_CANNOT} (?:assist|help|comply)(?: you)? with (?:that|this)\b"
        rf"|\bi ?{_CANNOT} (?:fulfill|fulfil|comply with|help with|assist with|process) (?:that|this|your|such a)"
        rf" request\b")),
    ("sorry/apologize/apologise/apologies/unfortunately i/i'm",
        (rf"\b(?:i(?:'m| am) sorry|i apologi[sz]e),? but i ?{_CANNOT} (?:assist|help|fulfil|comply|provide|discuss"
        rf"|engage)|\b(?:i(?:'m| am) sorry|i apologi[sz]e|my apologies|unfortunately),? (?:but )?(?:as an? {_AI},? )?"
        rf"i ?{_CANNOT} (?:assist|help|fulfill?|comply|discuss)(?: you)?(?: with)? (?:that|this|your"
        rf"|such)\b")),
    ("engage/comment/take/participate/generate/create/produce i/i'm",
        (rf"\bi ?{_CANNOT} (?:engage in|comment on|take sides|participate in"
        r"|(?:generate|create|produce) (?:\w+ )?content)\b")),
    ("illegal|harmful|unethical|dangerous",
        rf"\bi ?{_CANNOT} (?:help|assist|engage)\b[^.!?]{{0,40}}\b(?:illegal|harmful|unethical|dangerous)\b"),
    ("neutral|unbiased|objective|impartial|balanced",
        (r"\bi (?:strive|aim|endeavou?r|try) to (?:be|remain|stay|provide|give|offer)(?: \w+,?){0,4}? (?:neutral"
        r"|unbiased|objective|impartial|balanced)\b")),
    ("information general/recent/current/date",
        (r"\bonly (?:able to )?(?:provide|offer|give) general information\b"
        r"|\bi (?:may|might|do) not have (?:access to )?the most (?:up-to-date|recent|current) information\b")),
    ("gpt/chatgpt/claude/gemini/llama based/powered/built/running i/i'm",
        (r"\bi(?:'m| am|'m a \w+| was) (?:based|powered|built|running) (?:on|by) (?:\w+'s )?(?:gpt-?[345]|chatgpt"
        r"|claude|gemini|llama)")),
    ("decline", r"\bi (?:must|have to|need to|will have to|am going to)(?: \w+)? decline\b"),
    ("conscience|appropriate|ethical",
        (rf"\bi ?{_CANNOT} in good conscience\b|(?:\bnot|n't) (?:be )?(?:appropriate|ethical) for me to\b")),
    ("advice",
        (rf"\bi ?{_CANNOT} (?:provide|give|offer) (?:\w+,? ){{0,2}}(?:medical|legal|financial)"
        rf"|\b(?:not|as|constitute) (?:be (?:taken|considered|construed) as )?(?:\w+ ){{0,2}}{_LEARNED} advice\b")),
    ("doctor/lawyer/attorney/physician/professional/advisor/adviser/professionals/therapist/accountant",
        (rf"\bi(?:'m| am) not an? (?:\w+ ){{0,2}}{_EXPERT}\b"
        rf"|\b(?:consult|seek|contact|see|ask|(?:speak|talk|speaking|talking) (?:to|with)|consulting|consult with)"
        rf" (?:an?|your|with an?|the advice of an?|help from an?) (?:\w+,? ){{0,2}}"
        rf"(?:(?:qualified|licensed|certified|{_LEARNED}|healthcare|trained) )+{_EXPERT}\b")),
    ("purposes", (r"\b(?:this|that|it|(?:this|the|my) (?:information|content|answer|response)) (?:is|was) (?:\w+ )?for"
        r" (?:\w+ ){0,2}(?:educational|informational)(?: \w+)? purposes only\b")),
    ("programming|programmed", (r"\bmy programming (?:does|doesn't|prevents|forbids|allows|requires|limits)\b"
        r"|\bi(?:'m| am| was) (?:not )?programmed to\b")),
    ("harmless|unbiased|impartial|helpful",
        (r"\b(?:designed|built|created|trained|made|programmed|meant) to be (?:\w+,? ){0,2}(?:harmless|unbiased"
        r"|impartial)\b|\bhelpful, harmless\b")),
    ("policy|policies|guidelines|programming|principles",
        (r"\bmy (?:\w+ )?(?:content|usage|use|safety|ethical) (?:policy|policies|guidelines|principles)\b"
        r"|\b(?:against|violates?) my (?:\w+ )?(?:policy|policies|guidelines|programming|principles)\b")),
    (f"{_MAKERS.replace('|', '/')} by/me", (rf"{_IT_IS_I}(?:(?!\bnot\b|n't|\bnor\b)[^.!?]){{0,40}}\bby (?:{_MAKERS})\b"
        rf"|\b(?:{_MAKERS}) (?:trained|created|made|built|developed|designed) me\b")),
    (f"{_NAMES.replace('|', '/')} i'm/am/name/this|gpt 4/4o i'm/am/name/this",
        rf"\b(?:i am|i'm|my name is|this is) (?:{_NAMES}|gpt-4o?)\b(?= speaking|[,.!;]| and\b|$)"),
)  # fmt: skip
