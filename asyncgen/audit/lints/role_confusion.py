"""Who speaks: turns inside a turn, an assistant that speaks as the user or the other way round, a narrator of both.

The assistant's name comes from the prompt, if the prompt names one often enough to be sure; without it the phrases
that need a name are left out. What stands between quotation marks is somebody else's, and a transcript may be ordered.
"""

import re
from collections.abc import Iterator
from itertools import chain

from asyncgen.audit.lints.swapped_sides import Said, SwappedSides, only_repeats, read_said, without_quotes
from asyncgen.audit.lints.told_persons import ToldPersons, words_of_cast
from asyncgen.audit.reading import language
from asyncgen.audit.reading.phrases import Phrases, PlainText, plain
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import Finding, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Conversation, Message

_SIDES = ("user", "assistant")
_ASKS = re.compile(r"[^.!?\n]*\?")
_TALKS_WITH = re.compile(r"\b(?:talks? (?:with|to)|named|called|speaks? as|you are|as) ([A-Za-z][\w-]*\w)")
_MARK = re.compile(r"[:>)\]\n]|\*\*|_(?!\w)")  # what ends the name of a role
_BRACKET = re.compile(r"[*(\[~<_]")  # what opens a gesture, and every pattern of one begins with
# Somebody's question, and the answer of somebody else.
_ANSWERED = re.compile(
    r"^[*_]*(?P<who>[^\W\d_a-zäöüß]\w{1,20})[*_]*: [^\n]{1,300}\?\n+[*_]*(?!(?P=who)\b)[^\W\d_a-zäöüß]\w{1,20}[*_]*: ",
    re.MULTILINE,
)
# The same within a line, after a sentence; a question and its answer behind dashes; a question and a quoted answer.
_IN_A_LINE = re.compile(
    r"(?<=[.!?]\s)\[?(?P<who>[^\W\d_a-zäöüß]\w{1,20})\]?(?: ?\([^)\n]{1,30}\))? ?: (?!\d[^\n:]{0,200}: \d)"
    r"[^\n:]{1,200}[.?!]\s+"
    r"\[?(?!(?P=who)\b)[^\W\d_a-zäöüß]\w{1,20}\]? ?: (?=[^\W_a-zäöüß]|\$)"
)
_DASHES = re.compile(r"(?:^|(?<=\s))[-\u2013\u2014] [^?\n]{2,80}\?\s+[-\u2013\u2014] (?=[A-ZÄÖÜ\d])", re.MULTILINE)
_TURN_BY_TURN = re.compile(r"\?\s+[-\u2013\u2014] [^?\n]{2,200}[.!]\s+[-\u2013\u2014] (?=[A-ZÄÖÜ])")
# Who is asked of somebody else, and knows it: "How old is he? He turns nine in July."
_THIRD = language.choice(language.listed("role-confusion", "third-persons"))
_OF_A_THIRD = re.compile(
    rf"\b(?:{language.any_phrase('role-confusion', 'age-asked').pattern})\b[^.?!\n]{{1,40}}"
    rf"\b(?P<third>{_THIRD})\b[^.?!\n]{{0,40}}\?\s+(?P=third)\b",
    re.IGNORECASE,
)
# What somebody is asked, and that he answers it: "Did you press Start? Yes, but nothing happens."
_YES = re.compile(
    r"\b(?:you|your|du|dein\w*|ihr|Sie)\b[^.?!\n]{0,80}\?\s+"
    r"(?:yes|no|yeah|nope|ja|nein)\b(?:[,.!]|\s(?:I|it|please|thanks|ich|es|bitte|danke)\b)",
    re.IGNORECASE,
)
# A question that only asks what was meant: "Do you mean whether you may bring a dog? Yes, on a lead."
_CLARIFIES = re.compile(rf"\W*(?:{language.any_phrase('role-confusion', 'clarifies').pattern})", re.IGNORECASE)
# Somebody else's name before what he says of himself.
_OF_ONESELF = re.compile(
    r"\A(?!(?:Note|Hint|Tip|Fact|Answer|Reason|Update|Warning|Disclaimer|Spoiler|Edit|PS|Hinweis|Tipp|Antwort)\b)"
    r"[A-ZÄÖÜ]\w{1,20}: (?:I'm|I am|I've|I'd|I|Ich|Hi|Hello|Hallo|Sure|Thanks|Danke|Oh|Well)\b"
)
# Speech with its speaker, as in a story.
_SPEECH = re.compile(
    rf'["\u201c\u201e][^"\n\u201c\u201d]{{2,200}}[.?!,]?["\u201c\u201d],? '
    rf"(?:{language.any_phrase('role-confusion', 'speech').pattern})"
    r'|\?"\s+"[^"?\n]{2,200}[.!]"'
    r'|\?\s["\u201c\u201e](?-i:[A-ZÄÖÜ])[^"?\n\u201c\u201d]{2,100}[.!]["\u201c\u201d]\s+(?-i:[A-ZÄÖÜ])',
    re.IGNORECASE,
)
# What somebody does, between two sentences: "*hands over the tube*".
_DOES = (
    r"(?:^|(?<=[.!?] )|(?<=\n))\*(?!(?:just|this|that|most|best|first|last|almost|not|its|always|yes|thanks|is)\b)"
    r"(?-i:[a-zäöü]+(?:s|t|ing)) [^*\n]{1,80}(?<![:,])\*(?=\s|$)"
)
_GESTURES, _CAST, _PERSONS = (
    language.any_phrase("role-confusion", key).pattern for key in ("gestures", "cast", "persons")
)
_ADDRESSED, _NEEDED, _WE = (language.words_listed("role-confusion", key) for key in ("addressed", "needed", "we"))
_ROLES = sorted(language.listed("role-confusion", "labels"))
_LABELS = "|".join(map(re.escape, _ROLES))
# What a narrator puts between stars, and the name of a side as a heading: no markup.
STAGED = re.compile(
    rf"\*{{1,2}}(?:(?:the |der |die )?(?:{_LABELS}|{_CAST}) |(?:[A-Z]\w* )?(?:{_GESTURES})\b)|{_DOES}"
    rf"|#{{1,6}} +(?:{_LABELS})\b\W*$",
    re.IGNORECASE | re.MULTILINE,
)
_LOGIN = re.compile(  # "User: jo.smith, password: ...", or such lines of a file
    rf"\s*\S{{1,40}},?\s(?:{language.choice(language.listed('secret', 'passwords'))})\b"
    rf"|[ \t]*\S{{1,40}}\n(?!{_LABELS})\w{{1,20}}: ?\S{{1,40}}(?:\n|$)",
    re.IGNORECASE,
)
# A question that goes on from an answer, in a paragraph of its own, before the next answer: "And the shed?"
_GOES_ON = language.choice(language.listed("role-confusion", "goes-on"))
_ASKED_BETWEEN = re.compile(
    rf"(?<=\n)(?:-?> ?|[-\u2013\u2014] )?(?:{_GOES_ON})\b[^\n?.!]{{2,80}}\?\s*\n+(?=\S)", re.IGNORECASE
)
# One line between two others, with a mark in front of it, that asks.
_MARKED = re.compile(r"^(?![->])[^\n]+\n(?:->|>|-) ?[^\n]+\?\n(?![->\n])(?=\S)", re.MULTILINE)
# "Turn 3 (user)", "Turn 3, user:": its number, and who speaks.
_TURN = re.compile(
    rf"(?:^\W{{0,3}}|(?<=[.!?`] ))\w+ \d{{1,2}}(?:,? ?\((?:{'|'.join(_SIDES)})\)|,? (?:{'|'.join(_SIDES)}):)",
    re.IGNORECASE | re.MULTILINE,
)
_Q_AND_A = re.compile(r"(?:^|(?<=[.!?] ))Q\. [^\n?]{2,200}\?\s+A\. (?=\S)", re.MULTILINE)
# Two names in brackets, each before what is said: a guest's question and its answer.
_BRACKETED = re.compile(
    r"\[(?P<who>[^\W\d_a-zäöüß]\w{1,20})\]:? [^\[\]\n]{2,200}[.?!]\s+\[(?!(?P=who)\b)[^\W\d_a-zäöüß]\w{1,20}\]:? (?=\S)"
)
# How two take turns in a text; the mark that it has then, and how often.
_EXCHANGES = (
    ("?\n", 1, _ANSWERED),
    ("?\n", 1, _ASKED_BETWEEN),
    ("?\n", 1, _MARKED),
    (":", 1, _OF_ONESELF),
    (":", 2, _IN_A_LINE),
    ("? ", 1, _YES),
    ("?\n", 1, _YES),
    ("? ", 1, _OF_A_THIRD),
    ("? -", 1, _TURN_BY_TURN),
    ("? \u2013", 1, _TURN_BY_TURN),
    ("? \u2014", 1, _TURN_BY_TURN),
    ("- ", 2, _DASHES),
    ("\u2013 ", 2, _DASHES),
    ("\u2014 ", 2, _DASHES),
    ("(", 1, _TURN),
    (", ", 2, _TURN),
    ("] ", 2, _BRACKETED),
    ("Q. ", 1, _Q_AND_A),
)
_ALL = re.compile(r".*")
_FIRST_WORDS = 5  # characters, in which an answer greets or agrees
_LONGEST_LABEL = 40  # characters
_NAMED_OFTEN = 3  # times a prompt must name the assistant
_NO_NAMES = frozenset(
    """
    a an the it its them they this that one some any what he she you we i and or in on of to if is be
    """.split()  # noqa: SIM905 - one line instead of thirty
)


class RoleConfusion:
    """`system_prompt`: as the recipe writes it; the name in it is the assistant's."""

    def __init__(self, system_prompt: str | None, knowledge: str = "") -> None:
        rule, name = "role-confusion", find_assistant_name(system_prompt)
        own = re.escape(name or "\0")
        capital = "|".join(re.escape(each) for word in _ROLES for each in (word.capitalize(), word.upper()))
        pairs = [pair for table in language.tables(rule) for pair in table["pairs"]]
        people = "|".join(re.escape(each) for each, other in pairs if other == "*")
        self._label = re.compile(
            # Where any of them begins: most places are passed over at once.
            r"(?:^|(?<=[.!?\"] )|(?<=[.!?])|(?<=[-\u2013\u2014|/#] ))(?:"
            rf"^[ *_#]*(?:\[?(?i:{_LABELS})\]?(?: ?\([^)\n]{{1,30}}\))?[*_ ]*:(?!//)"
            rf"|(?i:<(?:{_LABELS})>)|(?i:{_LABELS}) ?> )"
            rf"|^[ *_#\[]*(?i:{own})[*_ \]]*:[*_]* "
            rf"|(?<=[.!?] )(?i:{own}): (?=[A-Z\d\"$])"
            rf"|(?<=[.!?] )(?:[\[(](?i:{_LABELS})[\])] ?:?|(?i:<(?:{_LABELS})>)"
            rf"|\*\*(?i:{_LABELS}):?\*\*|_(?i:{_LABELS}):?_)"
            rf"|(?:(?<=[.!?]\" )|(?<=[-.!?\"\u2013\u2014|/#] )|(?<=[.!?]))(?:{capital}):|(?<=\n)You: .*$"
            rf"|(?<=[.!?] )(?:{people.title()}): (?=[A-ZÄÖÜ])"
            rf"|(?<=\n)[*_]*(?i:{people}):[*_]* [^\n]{{1,300}}\?)",
            re.MULTILINE,
        )
        others = {"*": r"[^\W\d_][\w-]{1,20}"}  # whoever it is
        both = "|".join(
            rf"{re.escape(each)}: [^\n]{{1,300}}?(?:\n+|(?<=[.!?] )){others.get(other) or re.escape(other)}: "
            for each, other in pairs
        )
        self._pair = re.compile(rf"(?:^|(?<=[.!?] ))(?:{both})", re.MULTILINE | re.IGNORECASE)
        self._alone = re.compile(
            rf"(?:^|(?<=[.!?] ))[*_#\[ ]*(?:{_LABELS})[*_\]: ]*\n(?=\S)", re.MULTILINE | re.IGNORECASE
        )
        speakers = [*_ROLES, *([] if name is None else [name.lower()])]
        openers = {name for pair in pairs for name in (pair if "*" in pair else pair[1:])} - {"*"}
        self._speakers = ("you", *speakers, *sorted(openers))
        self._definition = language.any_phrase(rule, "definition")
        self._transcript = language.any_phrase(rule, "transcript")
        narrator = [] if name is None else language.phrases(rule, "narrator-named", plain(name))
        self._narrator = Phrases([*narrator, *language.phrases(rule, "narrator")])
        self._narrator_of_both = Phrases([*self._narrator.all, *language.phrases(rule, "narrator-told")])
        self._told = re.compile(
            rf"(?:^|(?<=[.!?] )|(?<=\n))"
            rf"[*(\[]{{1,2}} ?(?:(?:the |der |die )?(?:{_LABELS}|{own}|{_CAST}) |(?:the )?conversation )"
            rf"[^)\]*\n]{{1,120}}[*)\]]"
            rf"|[*(\[]{{1,2}} ?(?:{_PERSONS}) (?:[a-zäöü]+ )?(?:{_GESTURES})\b[^)\]*\n]{{0,120}}[*)\]]",
            re.IGNORECASE,
        )
        self._stage = re.compile(
            rf"{self._told.pattern}|[*(\[~<_] ?(?:{_GESTURES})[^)\]*~>_\n]{{0,80}}[*)\]~>_]"
            rf"|{_DOES}",
            re.IGNORECASE,
        )
        self._turned, self._thanks_for_telling, self._asks_on, self._grateful, self._asked_by_others = (
            Phrases(language.phrases(rule, key))
            for key in ("turned", "thanks-for-telling", "asks-on", "grateful", "asked-by-others")
        )
        self._addressed, self._others = (language.words_listed(rule, key) for key in ("addressed", "others"))
        self._swapped, self._told_persons = SwappedSides(knowledge), ToldPersons(knowledge)
        # By who speaks: what only the other side says.
        self._phrases: dict[str, Phrases] = {}
        for speaker, other in zip(_SIDES, reversed(_SIDES), strict=True):
            named = [] if name is None else language.phrases(rule, f"{other}-named", plain(name))
            self._phrases[speaker] = Phrases([*named, *language.phrases(rule, other)])

    def check(self, subject: Subject) -> Iterator[Finding]:
        conversation, said = subject.record.conversation, read_said(subject)
        of_users = self._swapped.told_of_users(said, words_of_cast(subject.scenario))
        for position, (message, read) in enumerate(zip(conversation, subject.plain, strict=True)):
            before = said[position - 1] if position else None
            after = subject.plain[position + 1] if position + 1 < len(subject.plain) else None
            told = self._told_persons.find(read.text, subject.scenario)
            found = self._find(message, said[position], before, after) or next(told, None)
            if found is None and (
                only_repeats(said, position) or self._swapped.speaks_as_a_user(said[position], of_users)
            ):
                found = _ALL.match(message.content)
            if found and self._is_ordered(conversation[: position or 1]):
                found = None
            if found is None and self._swapped.is_served(said, position):
                found = _ALL.match(message.content)
            if found:
                yield Finding(
                    "role-confusion", subject.record.number, position, excerpt(message.content, *found.span())
                )

    def _find(self, message: Message, said: Said, before: Said | None, after: PlainText | None) -> re.Match[str] | None:
        text, read, told, is_user = message.content, said.plain, said.text, message.role == "user"
        if not is_user and ('"' in text or "\u201c" in text) and (speech := _SPEECH.search(text)):
            return speech
        text = without_quotes(text)
        narrator = self._narrator if is_user else self._narrator_of_both  # users tell of people
        found = self._find_label(text) or next(narrator.find(read, told), None)
        if found is None:  # people wave in a chat
            gestures = (self._stage.match(text, mark.start()) for mark in _BRACKET.finditer(text))
            found = next((each for each in gestures if each and (not is_user or self._is_told(each))), None)
        if found is None and not is_user:
            thanks = self._thanks_for_telling.find(read, told) if before is None or before.asks else ()
            turned = chain(self._turned.find(read, told), thanks, self._answers_itself(read, told))
            found = next((each for each in turned if each.start() >= _FIRST_WORDS), None)
        return found or self._find_other(said, before, after)

    def _find_other(self, said: Said, before: Said | None, after: PlainText | None) -> re.Match[str] | None:
        """What the other side says.

        A user may ask whether it is so, or for something for himself, offer help for which he is thanked, and has
        been thanked; an answer may tell what others ask.
        """
        role, read, told = said.role, said.plain, said.text
        for found in self._phrases[role].find(read, told) if role in self._phrases else ():
            if role == "user":
                is_asked = "?" not in found[0] and _ASKS.match(told, found.end()) is not None
                is_thanked = before is not None and before.thanks and found.start() < _FIRST_WORDS
                is_free = is_asked or is_thanked or (after is not None and any(self._grateful.find(after)))
                is_free = is_free or (not _WE.isdisjoint(split_words(found[0])) and _asks_for_himself(told))
            else:
                is_free = "?" in told[found.start() :] and any(self._asked_by_others.find(read, told))
            if not is_free:
                return found
        return None

    def _is_told(self, gesture: re.Match[str]) -> bool:
        """Whether a gesture is told of somebody: "(smiles)" is a user's own, "(puts down her bag)" is not."""
        return self._told.match(gesture[0]) is not None or not self._others.isdisjoint(split_words(gesture[0]))

    def _answers_itself(self, read: PlainText, told: str) -> Iterator[re.Match[str]]:
        """Questions to nobody that are not the last word."""
        for asked in self._asks_on.find(read, told):
            if self._addressed.isdisjoint(split_words(asked[0])) and told[asked.end() :].strip():
                yield asked

    def _is_ordered(self, earlier: Conversation) -> bool:
        """Whether a user has asked for a transcript or a story, in which others speak."""
        return any(self._transcript.search(each.content) for each in earlier if each.role == "user")

    def _find_label(self, text: str) -> re.Match[str] | None:
        """The name of a role in front of what it says."""
        for mark, times, shape in _EXCHANGES:
            if mark in text and text.count(mark) >= times and (found := shape.search(text)):
                if shape is _YES and _CLARIFIES.match(text, _begin_of_sentence(text, found.start())):
                    continue
                return found
        if not any(
            text[max(mark.start() - _LONGEST_LABEL, 0) : mark.start()].lower().rstrip("*_] ").endswith(self._speakers)
            for mark in _MARK.finditer(text)
        ):
            return None
        label = self._alone.search(text) or self._label.search(text)
        if label and (self._definition.match(text, label.start()) or _LOGIN.match(text, label.end())):
            label = None
        return label or self._pair.search(text)


def _asks_for_himself(told: str) -> bool:
    """Whether a "you" is asked for something for oneself: "We sell bikes. What would you charge us?"."""
    asked = (frozenset(split_words(each[0])) for each in _ASKS.finditer(told))
    return any(not _ADDRESSED.isdisjoint(words) and not _NEEDED.isdisjoint(words) for words in asked)


def _begin_of_sentence(text: str, place: int) -> int:
    return max(text.rfind(mark, 0, place) for mark in (". ", "! ", "? ", "\n")) + 1


def find_assistant_name(system_prompt: str | None) -> str | None:
    """Whom the prompt lets the user talk with, if it names somebody often enough to be sure."""
    prompt = system_prompt or ""
    names = (match[1] for match in _TALKS_WITH.finditer(prompt) if match[1].lower() not in _NO_NAMES)
    return next((each for each in names if len(re.findall(rf"\b{re.escape(each)}\b", prompt)) >= _NAMED_OFTEN), None)
