"""`secret`: keys, passwords, codes of locks, cards, accounts and vouchers: what must not be passed on.

Some are told by their shape: the prefix that a service gives its keys, a login in an address, the number of a card. All
others by their name: right in front of the value, in the same sentence, or in the question that it answers. What counts
as a value depends on the name: a password is a word that has a digit, is quoted, or that nobody would say of one; a
code has digits, and the talk is of a lock; a key is letters mixed with digits, so that no placeholder counts. Names are
data, in `languages`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain
from typing import TypeAlias

from asyncgen.audit.reading.language import FUNCTION_WORDS, choice, listed, tables
from asyncgen.audit.reading.words import MAX_KNOWN_WORDS, split_words
from asyncgen.audit.rules import Finding, Span, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.data.text import whole_text

# ---- by their shape

# What services put in front of the keys that they hand out.
_PREFIXES = """
sk- key- pat- oy2 sl. LTAI AKID sk_live_ sk_test_ pk_live_ pk_test_ rk_live_ rk_test_ whsec_ gsk_ xai- hf_ r8_ pplx-
nvapi- csk- jina_ tvly- lsv2_pt_ lsv2_sk_ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- gldt- glrt- npm_ pypi-
rubygems_ dckr_pat_ AKIA ASIA AIza ya29. GOCSPX- EAAA xoxa- xoxb- xoxe- xoxp- xoxr- xoxs- xapp- SG. hvs. hvb.
dop_v1_ doo_v1_ dor_v1_ dapi tskey- sbp_ glsa_ glc_ phc_ phx_ sntrys_ shpat_ shpca_ shppa_ shpss_ sq0atp- sq0csp-
PMAK- NRAK- figd_ lin_api_ ntn_ ATATT3x ATCTT3x rnd_ fw_ tgp_v1_ ABIA ACCA ABSK AGE-SECRET-KEY- ATBB CFPAT- CCIPAT_
CCIPRJ_ CLOJARS_ EZAK EZTK FLWSECK_TEST- FLWPUBK_TEST- HRKU- NRJS- NRAL- shippo_live_ shippo_test_ api_org_
apify_api_ bkua_ ctx7sk- dckr_oat_ doppler_ dp.pt. dp.st. dt0c01. duffel_live_ duffel_test_ e2b_ eyJrIjoi fio-u-
fm1_ fm2_ fo1_ gAAAAA glagent- glcbt- glft- glimt- gloas- glptt- glsoat- glffct- hvr. ico- kpat_
mk_live_ nfp_ ops_eyJ pnu_ pscale_oauth_ pscale_pw_ pscale_tkn_ pul- rdme_ sgp_ sk-ant- sk-or- sntryu_ sq0idp-
ss_live_ tfp_ tk-us- vcp_ vercel_ waka_ xkeysib- xsmtpsib- xprv y0_ zpk_ amzn.mws. atlasv1.
""".split()  # noqa: SIM905 - a few lines instead of seventy
_SHORTEST_TOKEN = 13  # characters; shorter words are not looked at
_TOKEN = re.compile(
    rf"(?<![A-Za-z0-9])(?:(?:{'|'.join(map(re.escape, _PREFIXES))})[\w.-]{{10,}}"
    r"|(?:[sp]k\.)?eyJ(?<![\w-]eyJ)[\w-]{12,}\.[\w-]{6,}"  # JWT
    r"|[a-z]{2,8}_(?:live|test|prod|secret|key)_\w{10,}"
    r"|\d{8,10}:AA[\w-]{30,}|[MNO][A-Za-z\d]{23,25}\.[\w-]{6}\.[\w-]{27,}"  # bots
    r"|T[A-Z\d]{8,}/B[A-Z\d]{8,}/\w{16,}|A3-[A-Z\d]{6}-[A-Z\d-]{20,}"
    r"|(?=[A-Z-]{0,20}\d)(?=[\d-]{0,20}[A-Z])[A-Z\d]{4,6}(?:-[A-Z\d]{4,6}){3,6}(?![\w-])"  # licences
    r"|0x[\da-fA-F]{40}(?!\w)|(?:bc|tb|ltc|addr)1[a-z\d]{20,})"  # wallets
)
# Letters of both kinds and digits, mixed: nobody writes a word so.
_OPAQUE = re.compile(r"(?<![A-Za-z\d/%])(?=[A-Za-z]*\d)(?=[a-z\d]*[A-Z])(?=[A-Z\d]*[a-z])[A-Za-z\d]{16,}(?![\w/]*\.\w)")
_KINDS_MIXED = re.compile(r"[a-z]+|[A-Z]+|\d+")
_FEWEST_MIXED = 7  # runs of one kind
_LOGIN = re.compile(r"(?<!\w)[a-z][a-z0-9+]{0,20}://[^\s:/@]*:(?P<value>[^\s/@]{4,80})@")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY|PuTTY-User-Key-File")
_QUERY = re.compile(
    r"[?&#](?:sig|signature|(?:access_)?token|(?:api_?)?key|auth|session|sid|secret|jwt)=(?P<value>[\w.~%+/-]{12,})",
    re.IGNORECASE,
)
_ARGUMENT = re.compile(
    r"(?:mysql\w*|mariadb|sshpass|login)\b[^\n]{0,60}?\s(?:-p ?|--password[ =])(?P<value>(?=\S{0,40}\d)\S{5,60})"
)
_HEADER = re.compile(r"\b(?:[Bb]earer|Basic) (?P<value>[\w.~+/-]{16,}=*)")
_TWICE_FOUR_DIGITS = re.compile(r"[0-9][0-9]{3}[ -]?[0-9]{4}")
_ACCOUNT = re.compile(  # an IBAN, a card
    r"\b[A-Z]{2}\d{2}(?: ?[A-Z]{4})?(?: ?\d{4}){2,6}(?: ?[A-Z\d]{1,4}){0,2}\b"
    r"|(?<![\d.,-])[3-6]\d{3}(?:(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{4}|\d{12})(?! ?\d|[.,-]\d)"
)

# ---- by their names


def _choice(key: str) -> str:
    return choice(listed("secret", key))


_MARK = r"[!#$*&%^~+_]"  # between the letters of a password
_IS = rf"(?:,?\s(?:{_choice('aside')}),?)?\s(?:{_choice('is')})(?:\s(?:{_choice('still')})){{0,2}}(?:\s?:)?\s"
_SIGN = rf"(?:\s(?:{_choice('place')})|\s(?:{_choice('of')})(?:\s[\w'-]{{1,20}}){{1,4}}?)?(?P<sign>\s?[:=]\s?|{_IS})"
_WORD = r"(?:[\"'`](?P<quoted>[^\s\"'`]{4,200})[\"'`]|(?P<value>[^\s\"'`,;]{4,200}))"
_MIXED = r"(?P<value>(?=[^\s\d]{0,40}\d)(?=[^\sA-Za-z]{0,40}[A-Za-z])[^\s\"'`,;]{6,60})"
_DIGIT_WORDS = listed("secret", "digits") | {word for table in tables("numbers") for word in table["small"][:9]}
_DIGITS = "|".join(sorted(_DIGIT_WORDS))
_SPELLED = rf"(?P<spelled>(?:{_DIGITS})(?:[\s,-]{{1,2}}(?:{_DIGITS})){{2,7}})\b"
# What stands behind a name, by the kind of secret that it names.
_BEHIND = {
    "passwords": rf"(?:{_SIGN}|\s(?=[\"'`]|[^\s\d]{{0,60}}\d|\w{{2,30}}{_MARK}\w))"
    rf"(?:{_WORD}|[\"'`](?P<words>[a-z\d]+(?: [a-z\d]+){{1,9}})[\"'`])",
    "plain-passwords": rf"(?:{_SIGN}|\s)"
    rf"(?P<value>[^\W\d_]{{4,30}}|[^\W\d_]{{2,30}}(?:-[^\W\d_]{{2,30}}){{2,5}})"
    rf"(?P<next>[.,;!?)]|$|\s(?:und|and|kommst|to|um)\b)",
    "worded-passwords": rf"{_SIGN}"
    r"(?P<value>[^\W\d_]{3,12}(?: [^\W\d_]{3,12}){0,4} (?:\d{1,4}|[^\W\d_]{3,12}))(?=[.!\n]|$)",
    "pass": rf"(?P<sign>\s?[:=]\s?|{_IS})(?:{_WORD}|[\"'`](?P<words>[a-z\d]+(?: [a-z\d]+){{1,9}})[\"'`])",
    "keys": rf"(?:{_SIGN}|\s(?=\S{{12}})){_WORD}",
    "account-numbers": rf"(?:{_SIGN}|\s)(?P<value>\d(?:[ -]?\d){{5,15}})\b",
    "opened": rf"\s(?:[^\W\d]{{2,6}}\s)?(?P<value>\d{{3}})(?![\w:%€$£-]|[.,]\d|\s(?:{_choice('units')})\b)",
    "card-codes": rf"(?:{_SIGN}|\s)(?P<value>\d{{3,4}})\b",
    "recovery": rf"[^\n:]{{0,30}}?(?::|\s(?:{_choice('is')}))\s(?P<value>[a-z]{{3,8}}(?:,?\s[a-z]{{3,8}}){{7,23}})\b",
    "pins": rf"(?:{_SIGN}|\s?[:,]?\s){_SPELLED}",
    "lock-codes": rf"{_SIGN}(?:{_SPELLED}|(?P<code>(?-i:(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z\d]{{4,10}})|\d{{3}}))"
    rf"(?![\w:-]|[.,]\d|\s(?:{_choice('units')})\b)",
    "accounts": rf"[^.\n]{{0,30}}?[\s\"'`][\w.@-]{{2,30}}(?:\s/\s|/|:(?!/)){_MIXED}",
    "logins": r"[^.\n]{0,30}?\s(?:as|als|with|mit)\s[\"'`]?[\w.@-]{2,30}[\"'`]?\s(?:with|and|using|mit|und)\s[\"'`]?"
    rf"{_MIXED}",
    "offers": r"(?:\s(?:code|is))?:?\s[\"'`]?(?-i:[A-Z]{5,20})\b",
}
_LISTED_AS = {"plain-passwords": "passwords", "worded-passwords": "passwords"}
_Name: TypeAlias = tuple[str, str, re.Pattern[str]]


def _names(*kinds: str) -> Sequence[_Name]:
    behind = {kind: re.compile(rf"(?:s|en|_id)?[\"']?{_BEHIND[kind]}", re.IGNORECASE) for kind in kinds}
    return [
        (name, kind, behind[kind]) for kind in kinds for name in sorted(listed("secret", _LISTED_AS.get(kind, kind)))
    ]


_NAMES = _names(
    *("passwords", "pass", "plain-passwords", "worded-passwords", "keys", "card-codes", "pins", "lock-codes"),
    *("recovery", "account-numbers", "opened", "offers"),
)
_ACCOUNTS = _names("accounts", "logins")
# What is a secret in a sentence with its name, and in the answer to a question with it.
_CODE = re.compile(
    r"\d(?<![\w.,$€£/+-]\d)(?<!\d[: ]\d)(?:\d{3,7}|\d{2}[ -]\d{3}|\d \d{2}"
    r"|\d{3}-\d{4}|(?:[ -]\d){2,5}|\d?(?:-\d{1,2}){2}|\d(?: \d{2}){2,3}|\d{1,3}[#*]\d{2,4})[#*]?"
    rf"(?![\w€$£%/]|[-.,:]\d|\s\d|\s(?i:{_choice('units')})\b)"
)
_NAMED_NEAR = {
    group: [(name, kind) for kind in kinds for name in sorted(listed("secret", kind))]
    for group, kinds in {
        "password": ("passwords", "networks", "long-codes", "serials"),
        "key": ("keys", "logins"),
        "voucher": ("vouchers",),
        "offer": ("offers",),
        "login": ("passwords", "logins"),
        "block": ("long-codes", "codes", "vouchers", "keys", "lock-codes"),
        "code": ("pins", "codes", "devices", "account-numbers", "lock-codes", "typed", "passwords"),
    }.items()
}
_LONG_CODE = 5  # digits of a code that says so itself
_SHORT = 5  # letters of a name that is no part of a longer word
_SENTENCE_END = re.compile(r"[.!?]\s|\n")
# What is looked for in lower case alone: to ignore case takes `re` several times as long.
_LOCKS = listed("secret", "locks")
_NO_CODE = re.compile(rf"(?:{_choice('no-codes')})[ -]?$")
_LONGEST_KIND = 30  # characters of what says that a code is none of a lock
_FRAME = re.compile(
    rf"(?:[:=]|(?:{'|'.join(map(_choice, ('is', 'still', 'codes', 'lock-codes', 'typed')))}|^))\s?$"
    rf"|\b(?:{_choice('turned')})[^.\n]{{0,25}}\s(?:{_choice('turned-to')})\s?$"
)
_NOT_BEHIND = re.compile(rf"\b(?:{_choice('not-behind')})\s[\"'`]?$")
_YEAR = re.compile(r"(?:19|20)\d\d")
_NO_SECRET = re.compile(_choice("no-secret"))  # of a sentence that tells of secrets
_NO_VALUE = re.compile(  # WPA2, WPA3-Personal, 90-day, an address
    r"^(?:[A-Za-z]{0,5}-?\d{1,3}$|\d[\d.,:]*-?[A-Za-z]+$|v\d|\d{1,3}-|[A-Z]{2,5}-?\d+(?:$|-)|\d{3}\.)"
    r"|/|your|example|password|passwort|placeholder|redacted|\.\.\.|\*{3}|x{4}|^[<${\[(]|\("
)
_VOUCHER = re.compile(r"[A-Z]{3,}(?:-[A-Z\d]+)+")  # HARBOR-SPRING-10
_OFFER = re.compile(r"[A-Z]{3,}(?!20\d\d$)\d{1,4}[A-Z]{0,8}")  # SPRING15, TIDE10OFF
_PAIR = re.compile(r"[A-Za-z][\w.-]{2,20}[:/](?=[^\s/]{0,20}\d)(?=[\d\W]{0,20}[A-Za-z])[^\s/:]{5,30}")  # root/toor42
# Q7-RR-19, 58B21
_BLOCK = re.compile(r"(?=[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z\d]{2,8}(?:-[A-Z\d]{2,8}){2,5}|\d{2,5}[A-Z]\d{1,5}|\d{3,5}[A-Z]")
_DIGIT = re.compile(r"[0-9]\S*")  # and what its word goes on with
_MIXED_WORD = re.compile(r"(?<!\S)(?=[^\s\d]{0,40}\d)(?=[^\sA-Za-z]{0,40}[A-Za-z])\S+")
_SHORTEST_BLOCK, _SHORTEST_VALUE, _LONGEST_VALUE = 4, 6, 200  # characters
_FIGURE = re.compile(r"(?<![\w.,:/+-])(?<!\d )\d{4,8}(?!\w|[.,:/-]\d| \d)")
_AROUND = "\"'`.,;:!?()[]{}<>"
_REACH = 100  # characters of an answer
_LONGEST_SENTENCE = 500  # characters of it that are looked at on each side of a value

_PLACEHOLDER = re.compile(
    r"your|example|placeholder|redacted|hidden|dummy|\.\.\.|\*{3}|x{4}|^change[-_]?(?:me|this|it)?$|^[<${\[(]|^[A-Z_]+$|^\d{1,3}(?:[.,]\d{3})*\W?$"
    r"|\(|^(?:pass|passwd|password|passwort|secret)$"
)
_NO_PASSWORD, _NO_RECOVERY = listed("secret", "no-password"), listed("secret", "no-recovery")
_SAID_OF = re.compile(
    r"[a-zäöü]*(?:ed|ing|ive|able|ful|less|ical|ous|ory|bar|lich|ig|en|los|isch|ell|ert|elt|etzt|acht)$"
)
_OF_ANY = re.compile(rf"\b(?:{_choice('any')})\s(?:[\w-]+\s){{0,2}}$")  # "a long password is harder to guess"
_WITH = re.compile(
    r"\b(?:with|use|using|mit|nimm|user|username|login|benutzer|benutzername|nutzer)\b[^.!?\n]{0,40}$", re.IGNORECASE
)
# The numbers of a dial, one after the other: "Dial 31, then 6, then 44."
_TURNS = re.compile(
    rf"\d(?<!\w\d)\d?\b(?:[^.\d\n]{{1,25}}\b(?:{_choice('then')})\b[^.\d\n]{{1,20}}\b\d{{1,2}}\b"
    rf"(?!:|[.,]\d|\s(?i:{_choice('units')})\b)){{2}}"
)
_FEWEST_TURNS = 3
_DIALLED = re.compile(r"\d(?:[ -]\d){2,5}")  # 5-9-0-2
_SHUT = re.compile(rf"\b(?:{_choice('shut')})")
_ALL_SHUT = listed("secret", "shut")
# nine-two-two-zero; 6, 0, 9, 2
_TOLD = re.compile(
    rf"\b(?=[{''.join(sorted({each[0] for each in _DIGIT_WORDS}))}\d])(?:{_SPELLED}|\d(?:,\s\d){{3,5}}\b(?![.,]?\d))"
)
# What answers a question for a secret.
_ONLY = re.compile(
    rf"(?:(?:{_choice('answers')}),?\s|[^.?!\n]{{0,30}}\s(?:{_choice('is')})\s(?:(?:es|{_choice('still')})\s)?)?"
    rf"(?:{_SPELLED}|[\"'`]?(?-i:(?P<word>[A-Z][a-zäöüß]{{3,20}}))[\"'`]?|(?<=\bit's\s)(?P<low>[a-z]{{5,20}})"
    r"|(?P<token>(?=\w{0,30}[_\d])[a-zäöü][\w-]{4,30})"
    r"|[\"'`„](?P<quoted>[a-zäöüß-]{4,20}(?: [a-zäöüß-]{2,20}){0,4})[\"'`“])"
    r"(?:[.!](?=\s|$)|$)",
    re.IGNORECASE,
)
_CODES = frozenset(each for key in ("codes", "lock-codes", "pins") for each in listed("secret", key))
_QUOTED_WORD = re.compile(r"[\"'`„][A-Za-zÄÖÜäöüß-]{3,20}(?: [A-Za-zÄÖÜäöüß-]{2,20}){0,5}[.!]?[\"'`“]")
_QUOTED_WORDS = re.compile(r"[\"'`„][^\s\"]{1,30}(?: [^\s\"]{1,30}){1,6}[\"'`“]")
_PASSWORDS, _SPOKEN, _LOGINS = (listed("secret", key) for key in ("passwords", "spoken", "accounts"))
_MARKED = re.compile(rf"\w{{2,30}}{_MARK}\w")
# Letters, digits and a sign between them: nothing but a password looks so.
_MADE_UP = re.compile(r"(?=\w{0,20}[A-Z])[A-Za-z](?:\w{2,20}[!#$*&%^~+]\w{1,20}|[a-z]{1,20}\d{1,4}[a-z]\w{3,20})$")
_SHORTEST_KEY = 8  # characters
_CAPITALS_INSIDE = re.compile(r"[a-z][A-Z]+[a-z]\w*[a-z][A-Z]")
_VARIED = 8  # different characters in a key
_HEX_DIGITS = 24  # characters of a key that may have but a few
_SHOWN = 6  # characters of a secret


_LISTED: frozenset[str] = frozenset().union(
    *(frozenset(each[0] for each in names) for names in (_NAMES, _ACCOUNTS)),
    *(frozenset(name for name, _ in names) for names in _NAMED_NEAR.values()),
    *(_LOCKS, _ALL_SHUT, _CODES, _PASSWORDS, _SPOKEN, _LOGINS),
)
# Every one by the longest of its words: a text without "voucher" holds none of the names with it.
_BY_WORD: dict[str, list[str]] = {}
for _each in sorted(_LISTED):
    _BY_WORD.setdefault(max(split_words(_each), key=len).decode(), []).append(_each)


_PLACES: dict[str, list[int]] = {}  # of each in the names and accounts
for _place, (_name, *_) in enumerate([*_NAMES, *_ACCOUNTS]):
    _PLACES.setdefault(_name, []).append(_place)


@lru_cache(maxsize=MAX_KNOWN_WORDS)
def _find_listed(word: bytes) -> Sequence[str]:
    """What a text with this word may hold."""
    text = word.decode("utf-8", "replace")  # bytes take six times as long to tell whether others are in them
    return [each for part, several in _BY_WORD.items() if part in text for each in several]


class _Names:
    """Those that a text in lower case holds, and the words that go with them."""

    def __init__(self, lowered: str, vocabulary: Iterable[bytes]) -> None:
        may_be = frozenset(chain.from_iterable(map(_find_listed, vocabulary)))
        self.words = frozenset(filter(lowered.__contains__, may_be))
        places = sorted(chain.from_iterable(_PLACES.get(each, ()) for each in self.words))
        self.names = [_NAMES[place] for place in places if place < len(_NAMES)]
        self.accounts = [_ACCOUNTS[place - len(_NAMES)] for place in places if place >= len(_NAMES)]
        self._near: dict[str, list[tuple[str, str]]] = {}

    def near(self, group: str) -> Sequence[tuple[str, str]]:
        """Those of values of a group."""
        if group not in self._near:
            self._near[group] = [each for each in _NAMED_NEAR[group] if each[0] in self.words]
        return self._near[group]


class _Said:
    """A message, and in lower case what was said before it, and both. `names`: those in either."""

    def __init__(self, text: str, asked: str, names: _Names | None) -> None:
        self.text, self.lowered, self.asked = text, text.lower(), asked.lower()
        self.all = f"{self.asked}\n{self.lowered}"
        self.names = names or _Names(self.all, split_words(self.all))

    def holds(self, words: frozenset[str]) -> bool:
        return any(map(self.all.__contains__, words & self.names.words))

    @cached_property
    def is_of_a_lock(self) -> bool:
        return self.holds(_LOCKS)


def find_secret(text: str, asked: str = "", names: _Names | None = None) -> Span | None:
    """The first secret. `asked`: what was said before, which may name what the text tells. `names`: those in either."""
    if shape := _find_shape(text, text.split()):
        return shape.span()
    said = _Said(text, asked, names)
    if not said.names.words:
        return None
    values = list(_find_values(text))
    accounts = said.names.accounts if values or "/" in text else ()
    for name, kind, behind in chain(said.names.names, accounts):
        for place in _find_name(said.lowered, name, kind):
            found = behind.match(text, place + len(name))
            if found and _is_secret(kind, found, said, place):
                return place, found.end()
    named = next((span for group, span in values if _is_named(group, span, said)), None)
    return (
        named or _find_dialled(said, values) or _find_made_up(said, values) or _find_quoted(said) or _find_answer(said)
    )


def _find_dialled(said: _Said, values: Sequence[tuple[str, Span]]) -> Span | None:
    """What a lock is set to, digit by digit or number by number."""
    may_be_shut = said.holds(_ALL_SHUT)
    is_asked = any(map(said.asked.__contains__, _CODES & said.names.words))
    if not (is_asked or (may_be_shut and _SHUT.search(said.all))):
        return None
    spans = [span for group, span in values if group == "code" and _DIALLED.fullmatch(said.text, *span)]
    if len(_DIGIT.findall(said.text)) >= _FEWEST_TURNS and (turns := _TURNS.search(said.lowered)):
        spans.append(turns.span())
    if may_be_shut and (told := _TOLD.search(said.lowered)):
        spans.append(told.span())
    return next(iter(spans), None)


def _find_made_up(said: _Said, values: Sequence[tuple[str, Span]]) -> Span | None:
    """What looks like a password, where somebody tells how to log in."""
    made_up = (span for group, span in values if group == "password" and _MADE_UP.match(said.text, *span))
    span = next(made_up, None)
    return span if span and said.holds(_LOGINS) else None


def _find_quoted(said: _Said) -> Span | None:
    """The word between quotation marks that somebody has to say."""
    quoted = _QUOTED_WORD.search(said.text) if said.holds(_SPOKEN) else None
    if quoted is None or _NO_SECRET.search(said.lowered):
        return None
    return quoted.span()


def _find_answer(said: _Said) -> Span | None:
    """What answers a question for a word or a code."""
    answer = _ONLY.match(said.text) if len(said.text) <= _REACH and said.asked.endswith("?") else None
    question = said.asked.rpartition("\n")[2]
    if answer is None or not any(map(question.__contains__, _CODES if answer["spelled"] else _PASSWORDS)):
        return None
    word = (answer["word"] or answer["low"] or "").lower()
    return None if word in _NO_PASSWORD or (answer["low"] and _SAID_OF.match(word)) else answer.span()


def _find_name(lowered: str, name: str, kind: str) -> Iterator[int]:
    place = lowered.find(name)
    while place >= 0:
        around = lowered[place - 1 : place] + lowered[place + len(name) : place + len(name) + 1]
        if len(name) >= _SHORT or kind in {"keys", "lock-codes"} or not any(map(str.isalpha, around)):
            yield place
        place = lowered.find(name, place + 1)


def _find_values(text: str) -> Iterator[tuple[str, Span]]:
    """What would be a code, a key or a password, if its sentence named it so."""
    for digit in _DIGIT.finditer(text):
        place, end = digit.span()
        if code := _CODE.match(text, place):
            yield "code", code.span()
        nearest = max(place - _LONGEST_VALUE, 0)
        start = max(text.rfind(" ", nearest, place), text.rfind("\n", nearest, place)) + 1 or nearest
        if end - start < _SHORTEST_BLOCK:
            continue
        value = text[start : min(end, start + 2 * _LONGEST_VALUE)].strip(_AROUND)
        start = text.index(value, start)
        span = (start, start + len(value))
        if value.isupper() and _BLOCK.fullmatch(value):
            yield "block", span
        if len(value) < _SHORTEST_VALUE or value.replace(",", "").replace(".", "").isdigit():
            continue
        if value.isupper() and (_VOUCHER.fullmatch(value) or _OFFER.fullmatch(value)):
            yield "voucher" if "-" in value else "offer", span
        if ("/" in value or ":" in value) and _PAIR.fullmatch(value):
            yield "login", span
        if len(value) >= _SHORTEST_TOKEN and "://" not in value and _is_random(value):
            yield "key", span
        if any(map(str.isalpha, value)) and not _NO_VALUE.search(value):
            yield "password", span


def _is_named(group: str, span: Span, message: _Said) -> bool:
    """Whether the sentence of a value names it, or the question that it answers."""
    if not (names := message.names.near(group)):
        return False
    text, (start, end) = message.text, span
    nearest = max(start - _LONGEST_SENTENCE, 0)
    first = max(text.rfind(mark, nearest, start) for mark in (". ", "! ", "? ", "\n")) + 1 or nearest
    last = _SENTENCE_END.search(text, end, end + _LONGEST_SENTENCE)
    sentence = message.lowered[first : last.start() if last else end + _LONGEST_SENTENCE]
    for said in (sentence, message.lowered[:start], message.asked) if start < _REACH else (sentence,):
        for name, kind in names:
            if name not in said or (place := next(_find_name(said, name, kind), None)) is None:
                continue
            front = message.lowered[max(start - _LONGEST_KIND, 0) : start]
            is_year = group == "code" and _YEAR.fullmatch(text, start, end)
            if (is_year or _NOT_BEHIND.search(front)) and not _FRAME.search(front):
                return False
            # No number begins with a zero.
            is_long = text[start] == "0" or (end - start >= _LONG_CODE and not text.endswith("00", start, end))
            is_typed = is_long and kind == "typed" and front.rstrip().endswith(name)
            may_open = text.count("-", start, end) > 1 or message.is_of_a_lock or is_typed
            if kind == "vouchers" and not _is_a_code(said, place):
                continue
            if kind in {"lock-codes", "typed"} and not (may_open and _is_a_code(said, place)):
                continue
            return not _NO_SECRET.search(sentence)
    return False


def _is_a_code(said: str, place: int) -> bool:
    """Whether what is called a code is none of a place, an error or a discount."""
    return _NO_CODE.search(said[max(place - _LONGEST_KIND, 0) : place]) is None


def _find_shape(text: str, words: Sequence[str]) -> re.Match[str] | None:
    place = 0
    for word in words:
        if len(word) >= _SHORTEST_TOKEN and not word.isalpha() and ("_" in word or _DIGIT.search(word)):
            place = text.index(word, place)
            match = _TOKEN.search(text, place, place + len(word))
            if match and ("eyJ" in match[0] or _is_random(match[0])):
                return match
            opaque = _OPAQUE.search(text, place, place + len(word)) if "://" not in word else None
            if opaque and len(_KINDS_MIXED.findall(opaque[0])) >= _FEWEST_MIXED:
                return opaque
    for marks, shape, is_one in _SHAPES:
        for match in shape.finditer(text) if any(map(text.__contains__, marks)) else ():
            if is_one(match[match.lastindex or 0]):
                return match
    return _ACCOUNT.search(text) if _TWICE_FOUR_DIGITS.search(text) else None


def _is_secret(kind: str, found: re.Match[str], message: _Said, place: int) -> bool:
    """Whether what stands behind a name is what it names. `place`: where the name stands."""
    if kind in {"passwords", "pass"}:
        return found["words"] is not None or _is_password(found)
    if kind == "plain-passwords":
        return not _OF_ANY.search(message.lowered, max(place - _LONGEST_KIND, 0), place) and _is_plain_password(found)
    if kind == "worded-passwords":
        return _is_passphrase(message.lowered[place : found.start("sign")], found)
    if kind == "keys":
        return _is_key(found["quoted"] or found["value"])
    if kind == "lock-codes":
        return message.is_of_a_lock and _is_a_code(message.lowered, place)
    return kind != "recovery" or _NO_RECOVERY.isdisjoint(re.findall(r"\w+", found["value"].lower()))


def _is_plain_password(found: re.Match[str]) -> bool:
    """A word without a digit: what nobody would say of a password. Without "is" before it, it has to be a name."""
    value = found["value"]
    if value.lower() in _NO_PASSWORD or _SAID_OF.match(value) or _PLACEHOLDER.search(value):
        return False
    return (
        found["sign"] is not None
        or "-" in value
        or value[0].isupper()
        or bool(_WITH.search(found.string, max(found.start() - _REACH, 0), found.start()))
    )


def _is_passphrase(name: str, found: re.Match[str]) -> bool:
    """Words in a row that say nothing of what is named: what only a passphrase is made of, or behind a colon."""
    words = found["value"].lower().split()
    is_told = found["sign"].strip() in {":", "="} or "phrase" in name
    return is_told and not any(each in FUNCTION_WORDS or each in _NO_PASSWORD or _SAID_OF.match(each) for each in words)


def _is_key(value: str) -> bool:
    value = value.rstrip(".!?)]}>")
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    is_long = len(value) >= _SHORTEST_KEY and not _PLACEHOLDER.search(value)
    is_varied = len(set(value)) >= (_VARIED - 2 if len(value) < _HEX_DIGITS else _VARIED // 2)
    return is_long and is_varied and (mixed or _is_random(value)) and "://" not in value


def _is_password(match: re.Match[str]) -> bool:
    """Anything between quotation marks; a word with a digit in it; behind a sign one that ends its sentence."""
    if quoted := match["quoted"]:
        return not _PLACEHOLDER.search(quoted) and quoted.lower() not in _NO_PASSWORD
    value = match["value"].rstrip(".!?)]}>")
    if _PLACEHOLDER.search(value) or value.lower() in _NO_PASSWORD or not any(map(str.isalpha, value)):
        return False
    if any(map(str.isdigit, value)):
        return not value[0].isdigit() or len(value) >= _SHORTEST_KEY
    if _MARKED.match(value):
        return True
    is_last = match.end() == len(match.string) or match.string[match.end()] == "\n" or match["value"] != value
    return (match["sign"] or "").strip() in {":", "="} and is_last and value.isascii()


def _is_random(value: str) -> bool:
    """Letters mixed with digits, or with capitals among them, and few twice: no placeholder, no name in words."""
    is_mixed = any(map(str.isdigit, value)) or (any(map(str.islower, value)) and _CAPITALS_INSIDE.search(value))
    return bool(is_mixed) and any(map(str.isalpha, value)) and len(set(value)) >= _VARIED


def _is_chosen(value: str) -> bool:
    return _PLACEHOLDER.search(value) is None


# Marks of which a text has one, what its secret looks like, and whether the value in it is one.
_SHAPES = (
    (("://",), _LOGIN, _is_chosen),
    (("://",), _QUERY, _is_random),
    (("earer ", "Basic "), _HEADER, _is_random),
    ((" -p", " --password"), _ARGUMENT, _is_chosen),
    (("PRIVATE KEY", "PuTTY-"), _PRIVATE_KEY, bool),
)


class Secrets:
    """Words with digits and figures that the knowledge base has are no secrets, and no title of a section of it is."""

    def __init__(self, knowledge: str = "") -> None:
        self._knowledge = knowledge.lower()
        self._mixed = frozenset(word.strip(_AROUND) for word in _MIXED_WORD.findall(knowledge))
        self._figures = frozenset(_FIGURE.findall(knowledge))

    def check(self, subject: Subject) -> Iterator[Finding]:
        """An audit is passed around more freely than the data: it shows how a secret begins."""
        lowered = whole_text(subject.record.conversation).lower()
        names = _Names(lowered, chain.from_iterable(each.vocabulary for each in subject.plain))
        asked = earlier = ""
        for position, message in enumerate(subject.record.conversation):
            if span := find_secret(self._without_known(message.content), asked, names):
                start, end = span
                shown = excerpt(message.content[start : min(start + _SHOWN, end)])
                yield Finding("secret", subject.record.number, position, f"{shown}... ({end - start} characters)")
            asked = f"{earlier}\n{message.content}"
            earlier = message.content

    def _without_known(self, text: str) -> str:
        """As long as it was."""
        text = _MIXED_WORD.sub(lambda word: _masked(word[0], is_known=word[0].strip(_AROUND) in self._mixed), text)
        text = _FIGURE.sub(lambda figure: _masked(figure[0], is_known=figure[0] in self._figures), text)
        return _QUOTED_WORDS.sub(lambda said: _masked(said[0], is_known=said[0][1:-1].lower() in self._knowledge), text)


def _masked(said: str, *, is_known: bool) -> str:
    return "x" * len(said) if is_known else said
