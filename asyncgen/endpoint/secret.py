"""Keys that show themselves nowhere, and their removal from what comes back."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

import msgspec

# What people set where a server wants no key, but a client one.
PLACEHOLDERS = frozenset(
    {"lm-studio", "no-key-needed", "not-needed", "not-required", "sk-no-key-required", "token-abc123"}
)
MIN_SECRET = 8  # characters; a shorter word is no secret
MIN_LETTERS = 16  # characters; a shorter one of letters alone is a word of some language, and stands in other texts


class Secret:
    """A key that shows itself in no repr, format, pickle or traceback; `reveal` is for the header alone.

    `is_public`: it came from a recipe's own text, so nobody keeps it secret, and a reply may well contain it.
    """

    __slots__ = ("_value", "is_public")

    def __init__(self, value: str, *, is_public: bool = False) -> None:
        self._value = value
        self.is_public = is_public

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


class Redactor:
    """Takes a run's own secrets out of what a server says: one that refuses a key likes to quote it.

    Not out of what a model wrote, which is data. Words that may be no secret are not searched for.
    """

    def __init__(self, secrets: Iterable[Secret]) -> None:
        hidden = (secret.reveal() for secret in secrets if not secret.is_public)
        words = {word for value in hidden for word in value.split() if len(word) >= MIN_SECRET}
        words = {word for word in words if len(word) >= MIN_LETTERS or not word.isalpha()}
        words = {word for word in words if word.lower() not in PLACEHOLDERS}
        self._needles = sorted({needle for word in words for needle in _spellings(word)})

    def redact(self, data: bytes) -> bytes:
        for needle in self._needles:
            if needle in data:
                data = data.replace(needle, b"[redacted]")
        return data

    def redact_text(self, text: str) -> str:
        if not self._needles:
            return text
        return self.redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def redact_headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        return {name: self.redact_text(value) for name, value in headers.items()}


def _spellings(word: str) -> Iterator[bytes]:
    """The word as it is, as URLs and JSON (also inside JSON) write it, and in base64, behind any number of bytes."""
    data, escaped = word.encode(), msgspec.json.encode(word)[1:-1]
    yield from (data, quote(word).encode(), quote(word, safe="").encode())
    yield from (escaped, msgspec.json.encode(escaped.decode())[1:-1])
    for before in range(3):
        encoded = b64encode(b" " * before + data)
        whole = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]  # without what its neighbours decide
        yield from (whole, whole.translate(bytes.maketrans(b"+/", b"-_")))
