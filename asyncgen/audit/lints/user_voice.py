"""An assistant that is heard as a user: what people ask for themselves, how they take an answer, what they own.

A list of such sentences has no end, so it is asked who the sentence is about: an assistant's last word is no question
of its own needs ("And what will it cost me?"), behind its first sentence it does not take in what it has said ("Hm, but
isn't that dear for us?"), and what it calls its own is knowledge, a name or a mistake, and no bakery.

Of a life of its own there are signs, each of which an assistant may give: two of them, apart, it does not give.
"""

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from asyncgen.audit.reading import language
from asyncgen.audit.reading.phrases import Phrases, PlainText
from asyncgen.audit.reading.words import split_words

_RULE = "role-confusion"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_OWN, _ADDRESSED, _POLITE, _SELF, _NEEDED, _OFFERS, _SERVING, _JOINTLY = (
    language.words_listed(_RULE, key)
    for key in ("oneself", "addressed", "polite", "self", "needed", "offers", "serving", "jointly")
)
_INTERJECTIONS, _AND, _ECHOES, _OWNING, _OWNED = (
    language.words_listed(_RULE, key) for key in ("interjections", "joining", "echoes", "owning", "owned-by-assistants")
)
_MOST_ECHOED = 4  # words of a question that says again what was said: "Only seven?"
_REACH = 2  # words behind "my" within which it is told of what
_SIGNS = ("lives", "accepts", "tastes", "likewise", "begs")  # those that one phrase gives at once are one


class UserVoice:
    def __init__(self, knowledge: str) -> None:
        self._told_of_itself = Phrases(language.phrases(_RULE, "told-of-itself"))
        self._signs = [Phrases(language.phrases(_RULE, each)) for each in _SIGNS]
        self._times = Phrases(language.phrases(_RULE, "times"))
        self._known = frozenset(split_words(knowledge))

    def count_signs(self, read: PlainText, of_the_user: AbstractSet[bytes]) -> int:
        """How many signs there are of a life of one's own. `of_the_user`: what is told of him."""
        if _OWN.isdisjoint(read.vocabulary):
            return 0
        found = (next(each.find(read), None) for each in self._signs)
        apart, reached = 0, 0
        for end, start in sorted((each.end(), each.start()) for each in found if each):
            if start >= reached:
                apart, reached = apart + 1, end
        is_like_the_user = any(
            not of_the_user.isdisjoint(each) and not _OWN.isdisjoint(each) and _ADDRESSED.isdisjoint(each)
            for each in read.sentences
        )
        is_timed = next(self._times.find(read), None) is not None
        return apart + is_timed + self.owns(read) + is_like_the_user

    def things_of(self, read: PlainText) -> Iterator[bytes]:
        """What somebody calls his own, but for what the house has."""
        for things in _called_own(read):
            yield from things - self._known - _OWNED

    def is_heard(self, read: PlainText, text: str) -> bool:
        """Whether an answer speaks as somebody who is served. `text`: it without what is quoted."""
        sentences = _SENTENCE_END.split(text.strip())
        return (
            _asks_for_itself(sentences[-1])
            or any(map(_takes_in, sentences[1:]))
            or next(self._told_of_itself.find(read, text), None) is not None
        )

    def owns(self, read: PlainText) -> bool:
        """Whether somebody calls his own what no assistant has."""
        return any(
            things and things.isdisjoint(_OWNED) and things.isdisjoint(self._known) for things in _called_own(read)
        )


def _called_own(read: PlainText) -> Iterator[frozenset[bytes]]:
    """The words behind each "my"."""
    if not _OWNING.isdisjoint(read.vocabulary):
        words = read.words
        for place, word in enumerate(words):
            if word in _OWNING:
                yield frozenset(words[place + 1 : place + 1 + _REACH])


def _asks_for_itself(sentence: str) -> bool:
    """Whether it is a question of one's own needs, and offers nothing."""
    if not sentence.endswith("?"):
        return False
    words = split_words(sentence)
    if not (_ADDRESSED | _POLITE).isdisjoint(words) or _OWN.isdisjoint(words) or not _JOINTLY.isdisjoint(words[:2]):
        return False
    for place, word in enumerate(words):
        if word in _SELF and (words[max(place - 1, 0)] in _OFFERS):
            return _SERVING.isdisjoint(words[place + 1 :])
    return not _NEEDED.isdisjoint(words)


def _takes_in(sentence: str) -> bool:
    """Whether it reacts as one does to what another has said, with a question or a word of oneself."""
    words = split_words(sentence)
    first = words[1:2] if words[:1] and words[0] in _AND else words[:1]
    if sentence.endswith("?") and 1 < len(words) <= _MOST_ECHOED and not _ECHOES.isdisjoint(first):
        return True
    if _INTERJECTIONS.isdisjoint(first) or not _ADDRESSED.isdisjoint(words):
        return False
    return "?" in sentence or not _OWN.isdisjoint(words)
