"""Who speaks: turns inside a turn, an assistant that speaks as the user or the other way round, a narrator of both.

The assistant's name comes from the prompt, if the prompt names one often enough to be sure; without it the phrases
that need a name are left out. What stands between quotation marks is somebody else's, and a transcript may be ordered.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from asyncgen.audit.lints.word_runs import runs_of
from asyncgen.audit.reading import language
from asyncgen.audit.reading.phrases import Phrases, PlainText, plain
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import Finding, blank, excerpt
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Conversation, Message

_SIDES = ("user", "assistant")
_QUOTED = re.compile(r'"[^"\n]{1,300}"')
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
    r"(?<=[.!?]\s)\[?(?P<who>[^\W\d_a-zäöüß]\w{1,20})\]?(?: ?\([^)\n]{1,30}\))? ?: [^\n:]{1,200}[.?!]\s+"
    r"\[?(?!(?P=who)\b)[^\W\d_a-zäöüß]\w{1,20}\]? ?: (?=[^\W_a-zäöüß]|\$)"
)
_DASHES = re.compile(r"(?:^|(?<=\s))[-\u2013\u2014] [^?\n]{2,80}\?\s+[-\u2013\u2014] (?=[A-ZÄÖÜ\d])", re.MULTILINE)
# What somebody is asked, and that he answers it: "Did you press Start? Yes, but nothing happens."
_YES = re.compile(
    r"\b(?:you|your|du|dein\w*|ihr|Sie)\b[^.?!\n]{0,80}\?\s+(?:yes|no|yeah|nope|ja|nein)\b(?:[,.!]|\s(?:I|it|ich|es)\b)",
    re.IGNORECASE,
)
# Somebody else's name before what he says of himself.
_OF_ONESELF = re.compile(
    r"\A(?!(?:Note|Hint|Tip|Fact|Answer|Reason|Update|Warning|Disclaimer|Spoiler|Edit|PS|Hinweis|Tipp|Antwort)\b)"
    r"[A-ZÄÖÜ]\w{1,20}: (?:I'm|I am|I've|I'd|I|Ich|Hi|Hello|Hallo|Sure|Thanks|Danke|Oh|Well)\b"
)
# Speech with its speaker, as in a story.
_SPEECH = re.compile(
    rf'["\u201c\u201e][^"\n\u201c\u201d]{{2,200}}[.?!,]?["\u201c\u201d],? '
    rf"(?:{language.any_phrase('role-confusion', 'speech').pattern})"
    r'|\?\s["\u201c\u201e](?-i:[A-ZÄÖÜ])[^"?\n\u201c\u201d]{2,100}[.!]["\u201c\u201d]\s+(?-i:[A-ZÄÖÜ])',
    re.IGNORECASE,
)
# What somebody does, between two sentences: "*hands over the tube*".
_DOES = (
    r"(?:^|(?<=[.!?] )|(?<=\n))\*(?!(?:just|this|that|most|best|first|last|almost|not|its|always|yes|thanks|is)\b)"
    r"(?-i:[a-zäöü]+(?:s|t|ing)) [^*\n]{1,80}(?<![:,])\*(?=\s|$)"
)
_GESTURES, _CAST = (language.any_phrase("role-confusion", key).pattern for key in ("gestures", "cast"))
_ROLES = sorted(language.listed("role-confusion", "labels"))
_LABELS = "|".join(map(re.escape, _ROLES))
# What a narrator puts between stars, and the name of a side as a heading: no markup.
STAGED = re.compile(
    rf"\*{{1,2}}(?:(?:the |der |die )?(?:{_LABELS}|{_CAST}) |(?:[A-Z]\w* )?(?:{_GESTURES})\b)|{_DOES}"
    rf"|#{{1,6}} +(?:{_LABELS})\b\W*$",
    re.IGNORECASE | re.MULTILINE,
)
_LOGIN = re.compile(  # "User: jo.smith, password: ..."
    rf"\s*\S{{1,40}},?\s(?:{'|'.join(sorted(language.listed('secret', 'passwords')))})\b", re.IGNORECASE
)
# A question that goes on from an answer, in a paragraph of its own, before the next answer: "And the shed?"
_GOES_ON = "|".join(sorted(language.listed("role-confusion", "goes-on")))
_ASKED_BETWEEN = re.compile(rf"(?<=\n)(?:> ?)?(?:{_GOES_ON})\b[^\n?.!]{{2,80}}\?\s*\n+(?=\S)", re.IGNORECASE)
# "Turn 3 (user)": its number, and who speaks.
_TURN = re.compile(rf"^\W{{0,3}}\w+ \d{{1,2}} ?\((?:{'|'.join(_SIDES)})\)", re.IGNORECASE | re.MULTILINE)
# How two take turns in a text; the mark that it has then, and how often.
_EXCHANGES = (
    ("?\n", 1, _ANSWERED),
    ("?\n", 1, _ASKED_BETWEEN),
    (":", 1, _OF_ONESELF),
    (":", 2, _IN_A_LINE),
    ("? ", 1, _YES),
    ("- ", 2, _DASHES),
    ("\u2013 ", 2, _DASHES),
    ("\u2014 ", 2, _DASHES),
    ("(", 1, _TURN),
)
_ALL = re.compile(r".*")
_FIRST_WORDS = 5  # characters, in which an answer greets or agrees
_FEWEST_WORDS = 4  # of a message that only says again what the other side said
_FEWEST_SHARED = 4  # words in a row; those that are shared tell of oneself, and two of them are no function words
_FEWEST_LETTERS = 3  # of a word that says something
_LONGEST_LABEL = 40  # characters
_NAMED_OFTEN = 3  # times a prompt must name the assistant
_NO_NAMES = frozenset(
    """
    a an the it its them they this that one some any what he she you we i and or in on of to if is be
    """.split()  # noqa: SIM905 - one line instead of thirty
)


class RoleConfusion:
    """`system_prompt`: as the recipe writes it; the name in it is the assistant's."""

    def __init__(self, system_prompt: str | None) -> None:
        rule, name = "role-confusion", find_assistant_name(system_prompt)
        own = re.escape(name or "\0")
        capital = "|".join(re.escape(each) for word in _ROLES for each in (word.capitalize(), word.upper()))
        pairs = [pair for table in language.tables(rule) for pair in table["pairs"]]
        people = "|".join(re.escape(each) for each, other in pairs if other == "*")
        self._label = re.compile(
            r"(?:^|(?<=[.!?\"] )|(?<=[.!?]))(?:"  # where any of them begins: most places are passed over at once
            rf"^[ *_#]*(?:\[?(?i:{_LABELS})\]?(?: ?\([^)\n]{{1,30}}\))?[*_ ]*:(?!//)"
            rf"|(?i:<(?:{_LABELS})>)|(?i:{_LABELS}) ?> )"
            rf"|^[ *_#\[]*(?i:{own})[*_ \]]*:[*_]* "
            rf"|(?<=[.!?] )(?i:{own}): (?=[A-Z\d\"$])"
            rf"|(?<=[.!?] )(?:[\[(](?i:{_LABELS})[\])] ?:?|(?i:<(?:{_LABELS})>)"
            rf"|\*\*(?i:{_LABELS}):?\*\*|_(?i:{_LABELS}):?_)"
            rf"|(?:(?<=[.!?]\" )|(?<=[.!?\"] )|(?<=[.!?]))(?:{capital}):|(?<=\n)You: .*$"
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
            rf"[^)\]*\n]{{1,120}}[*)\]]",
            re.IGNORECASE,
        )
        self._stage = re.compile(
            rf"{self._told.pattern}|[*(\[~<_] ?(?:{_GESTURES})[^)\]*~>_\n]{{0,80}}[*)\]~>_]"
            rf"|{_DOES}",
            re.IGNORECASE,
        )
        self._turned, self._asks_on = (Phrases(language.phrases(rule, key)) for key in ("turned", "asks-on"))
        self._oneself, self._addressed, self._frequent = (
            frozenset(split_words(" ".join(each)))
            for each in (language.listed(rule, "oneself"), language.listed(rule, "addressed"), language.FREQUENT_WORDS)
        )
        self._openings = [split_words(each) for each in language.listed(rule, "openings")]
        # By who speaks: what only the other side says.
        self._phrases: dict[str, Phrases] = {}
        for speaker, other in zip(_SIDES, reversed(_SIDES), strict=True):
            named = [] if name is None else language.phrases(rule, f"{other}-named", plain(name))
            self._phrases[speaker] = Phrases([*named, *language.phrases(rule, other)])

    def check(self, subject: Subject) -> Iterator[Finding]:
        conversation = subject.record.conversation
        for position, (message, read) in enumerate(zip(conversation, subject.plain, strict=True)):
            found = self._find(message, read)
            if found is None and position and self._only_repeats(message, subject.plain[: position + 1]):
                found = _ALL.match(message.content)
            if found and not self._is_ordered(conversation[:position]):
                span = found.span()
                yield Finding("role-confusion", subject.record.number, position, excerpt(message.content, *span))

    def _find(self, message: Message, read: PlainText) -> re.Match[str] | None:
        text, told, is_user = message.content, read.text, message.role == "user"
        if not is_user and ('"' in text or "\u201c" in text) and (speech := _SPEECH.search(text)):
            return speech
        if '"' in text:
            text, told = _QUOTED.sub(blank, text), _QUOTED.sub(blank, told)
        narrator = self._narrator if is_user else self._narrator_of_both  # users tell of people
        found = self._find_label(text) or next(narrator.find(read, told), None)
        if found is None:  # people wave in a chat
            gesture = self._told if is_user else self._stage
            found = next(filter(None, (gesture.match(text, mark.start()) for mark in _BRACKET.finditer(text))), None)
        if found is None and not is_user:
            turned = chain(self._turned.find(read, told), self._answers_itself(read, told))
            found = next((each for each in turned if each.start() >= _FIRST_WORDS), None)
        if found is None and message.role in self._phrases:
            spoken = self._phrases[message.role].find(read, told)
            # What the other side says; a user may ask whether it is so.
            may_say = (each for each in spoken if not is_user or "?" in each[0] or not _ASKS.match(told, each.end()))
            found = next(may_say, None)
        return found

    def _answers_itself(self, read: PlainText, told: str) -> Iterator[re.Match[str]]:
        """Questions to nobody that are not the last word."""
        for asked in self._asks_on.find(read, told):
            if self._addressed.isdisjoint(split_words(asked[0])) and told[asked.end() :].strip():
                yield asked

    def _only_repeats(self, message: Message, said: Sequence[PlainText]) -> bool:
        """Whether the last message says what the one before it has said, and nothing of its own.

        "At most twelve can come?" may be answered by the same words as a statement, and "Good night!" by itself.
        """
        *earlier, before, read = said
        asks, asked = "?" in read.text, "?" in before.text
        is_short = len(read.words) < _FEWEST_WORDS
        if read.words == before.words and is_short:
            is_an_answer_again = message.role == "user" and bool(earlier) and "?" in earlier[-1].text
            return asks == asked and (is_an_answer_again or (asks and len(read.words) > 1))
        is_the_same = read.words == before.words or self._goes_on_with(message, read, before)
        is_repeated = is_the_same and (asks or not asked)
        return not is_short and (is_repeated or self._says_the_same_of_itself(message, read, before))

    def _goes_on_with(self, message: Message, read: PlainText, before: PlainText) -> bool:
        """Whether a user says all of an answer again, but for its "yes", and asks nothing."""
        answer = before.words[before.words[:1] in self._openings :]
        is_long = len(answer) > _FEWEST_WORDS and "?" not in before.text
        return is_long and message.role == "user" and "?" not in message.content and read.words[: len(answer)] == answer

    def _says_the_same_of_itself(self, message: Message, read: PlainText, before: PlainText) -> bool:
        """Whether one side has done, has or wants what the other has just said of itself: "I trained a d12 as well"."""
        own = self._oneself & read.vocabulary & before.vocabulary
        if not own or any(mark in each for mark in '":' for each in (read.text, before.text)):
            return False
        if message.role == "user" and not self._addressed.isdisjoint(read.vocabulary):
            return False  # "So you say that I ..."
        shared = {*runs_of(before.words, _FEWEST_SHARED)} & {*runs_of(read.words, _FEWEST_SHARED)}
        words = frozenset(chain.from_iterable(shared))
        telling = [each for each in words - self._frequent - self._oneself if len(each) >= _FEWEST_LETTERS]
        return len(telling) > 1 and not own.isdisjoint(words)

    def _is_ordered(self, earlier: Conversation) -> bool:
        """Whether a user has asked for a transcript or a story, in which others speak."""
        return any(self._transcript.search(each.content) for each in earlier[-3:] if each.role == "user")

    def _find_label(self, text: str) -> re.Match[str] | None:
        """The name of a role in front of what it says."""
        for mark, times, shape in _EXCHANGES:
            if mark in text and text.count(mark) >= times and (found := shape.search(text)):
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


def find_assistant_name(system_prompt: str | None) -> str | None:
    """Whom the prompt lets the user talk with, if it names somebody often enough to be sure."""
    prompt = system_prompt or ""
    names = (match[1] for match in _TALKS_WITH.finditer(prompt) if match[1].lower() not in _NO_NAMES)
    return next((each for each in names if len(re.findall(rf"\b{re.escape(each)}\b", prompt)) >= _NAMED_OFTEN), None)
