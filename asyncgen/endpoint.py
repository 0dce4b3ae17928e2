"""Where requests go: provider presets, addresses, and which key may be sent to which host.

Pure and without a socket, so that every refusal about keys and addresses is a table in a test. A preset's key belongs
to the preset's host and is sent to no other, whatever flags and recipe say. ASYNCGEN_API_KEY belongs to the address
that --base-url names.
"""

import ipaddress
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import msgspec

from asyncgen.errors import ConfigError
from asyncgen.recipe import Header, JsonValue

CUSTOM_KEY = "ASYNCGEN_API_KEY"
OFFLINE = "offline"
KEY_HEADERS = frozenset({"authorization", "api-key", "x-api-key"})
MIN_REDACTED = 6  # characters; what is shorter is no secret, and would take pieces out of ordinary words
CUSTOM = "custom"
_AUTHORITY = re.compile(r"(?:[\w.-]+|\[[\w.:%]+\])(?::[0-9]+)?")


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
    """Takes a run's own secrets out of what comes back: a server that refuses a key likes to quote it."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        hidden = (secret.reveal() for secret in secrets if not secret.is_public)
        words = {word for value in hidden for word in value.split() if len(word) >= MIN_REDACTED}
        self._needles = sorted({needle for word in words for needle in _spellings(word)})

    def redact(self, data: bytes) -> bytes:
        for needle in self._needles:
            if needle in data:
                data = data.replace(needle, b"[redacted]")
        return data

    def redact_headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        if not self._needles:
            return headers
        values = "\n".join(headers.values()).encode("utf-8", "surrogateescape")
        if not any(needle in values for needle in self._needles):
            return headers
        return {name: self._redact_text(value) for name, value in headers.items()}

    def _redact_text(self, text: str) -> str:
        return self.redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _spellings(word: str) -> Iterator[bytes]:
    """The word as it is, as URLs and JSON (also inside JSON) write it, and in base64, behind any number of bytes."""
    data, escaped = word.encode(), msgspec.json.encode(word)[1:-1]
    yield from (data, quote(word).encode(), quote(word, safe="").encode())
    yield from (escaped, msgspec.json.encode(escaped.decode())[1:-1])
    for before in range(3):
        encoded = b64encode(b" " * before + data)
        whole = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]  # without what its neighbours decide
        yield from (whole, whole.translate(bytes.maketrans(b"+/", b"-_")))


@dataclass(frozen=True, slots=True)
class Provider:
    """What is particular to a provider.

    `key_variable`: the environment variable of its key, None where it takes none. `fields`: optional request fields
    it understands, merged under the recipe's. `session`: whether `session_id` keeps calls on one cache. `reports_cost`:
    whether its answers may say what they cost. `lists_prices`: whether GET /models tells prices, and GET /key what the
    key has left.
    """

    name: str
    base_url: str
    key_variable: str | None = None
    fields: Mapping[str, JsonValue] = field(default_factory=dict)
    session: bool = False
    reports_cost: bool = False
    lists_prices: bool = False

    def marks_cache_of(self, model: str) -> bool:
        """Whether the beginning of a prompt is cached for this model only where a mark says so."""
        return self.name == "openrouter" and model.startswith("anthropic/")


PROVIDERS = {
    each.name: each
    for each in (
        Provider(
            "openrouter",
            "https://openrouter.ai/api/v1",
            "OPENROUTER_API_KEY",
            # Without it a route that ignores response_format may be chosen.
            fields={"provider": {"require_parameters": True}},
            session=True,
            reports_cost=True,
            lists_prices=True,
        ),
        Provider("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        Provider("ollama", "http://127.0.0.1:11434/v1"),
        Provider("vllm", "http://127.0.0.1:8000/v1"),
        Provider("llamacpp", "http://127.0.0.1:8080/v1"),
        Provider(OFFLINE, ""),
    )
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider at an address, with the key and the headers that go there."""

    provider: Provider
    base_url: str
    key: Secret | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict)

    def redactor(self) -> Redactor:
        return Redactor([*self.headers.values(), *([self.key] if self.key else [])])

    @property
    def host(self) -> str:
        return _host(self.base_url)

    @property
    def is_offline(self) -> bool:
        return self.provider.name == OFFLINE

    @property
    def missing_key(self) -> str:
        """The variable that a key for this address is read from; "" when one is sent, be it in a header."""
        if self.key is not None or any(name.lower() in KEY_HEADERS for name in self.headers):
            return ""
        is_own = self.provider.key_variable is not None and self.host == _host(self.provider.base_url)
        return (self.provider.key_variable if is_own else None) or CUSTOM_KEY

    def check_key(self) -> None:
        """Raises ConfigError when the provider's own address is to be called without the key it needs."""
        variable = self.provider.key_variable
        if self.key is None and variable and self.host == _host(self.provider.base_url):
            raise ConfigError(
                f"--provider {self.provider.name} needs a key: set {variable} in the environment or in .env"
            )


def resolve_endpoint(provider: str | None, base_url: str | None, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint that flags and environment name; the offline engine's has no address yet.

    Neither given: OpenRouter when its key is set, otherwise the offline engine. Raises ConfigError for an address
    or key that cannot be used.
    """
    if provider is None and base_url is None:
        provider = "openrouter" if environment.get("OPENROUTER_API_KEY") else OFFLINE
    if provider == OFFLINE:
        if base_url is not None:
            raise ConfigError("--base-url: the offline engine starts its own server; drop --provider offline to use it")
        return Endpoint(PROVIDERS[OFFLINE], "")
    preset = PROVIDERS[provider] if provider is not None else Provider(CUSTOM, "", CUSTOM_KEY, reports_cost=True)
    address = check_base_url(base_url if base_url is not None else preset.base_url)
    if preset.key_variable and _host(address) == _host(preset.base_url):
        key = read_key(preset.key_variable, environment, address)
    else:
        key = read_key(CUSTOM_KEY, environment, address) if base_url is not None else None
    return Endpoint(preset, address, key)


def other_key(environment: Mapping[str, str]) -> Provider | None:
    """The first preset whose key is set: what a run without a provider may have meant."""
    return next((each for each in PROVIDERS.values() if each.key_variable and environment.get(each.key_variable)), None)


def read_headers(headers: Iterable[Header], base_url: str, environment: Mapping[str, str]) -> dict[str, Secret]:
    """A recipe's headers, ready to be sent to that address. Raises ConfigError."""
    return {header.name: _read_header(header, base_url, environment) for header in headers}


def _read_header(header: Header, base_url: str, environment: Mapping[str, str]) -> Secret:
    if header.variable is None:
        return Secret(header.value or "", is_public=True)
    secret = _read_secret(header.variable, environment, base_url)
    if secret is None:
        raise ConfigError(f"the recipe's header {header.name}: {header.variable} is not set")
    if not secret.reveal().isprintable():
        raise ConfigError(f"{header.variable}: a header is one printable line; this one has another character in it")
    return secret


def read_key(variable: str, environment: Mapping[str, str], base_url: str) -> Secret | None:
    """The key of that variable, None when unset or empty; ConfigError, without showing it, when it is no key."""
    key = _read_secret(variable, environment, base_url)
    if key is not None and not re.fullmatch("[!-~]+", key.reveal()):
        raise ConfigError(
            f"{variable}: a key is one word of plain ASCII; this one has a blank or another character in it"
        )
    return key


def _read_secret(variable: str, environment: Mapping[str, str], base_url: str) -> Secret | None:
    value = environment.get(variable, "").strip()
    if not value:
        return None
    host = _host(base_url)
    owner = next((_host(each.base_url) for each in PROVIDERS.values() if each.key_variable == variable), host)
    if host != owner:
        raise ConfigError(f"{variable} belongs to {owner} and is not sent to {host}")
    if base_url.startswith("http:") and not is_loopback(host):
        raise ConfigError(f"--base-url: {variable} would go over plain http to {host}; use https")
    return Secret(value)


def check_base_url(base_url: str) -> str:
    """The address without a trailing slash; ConfigError when requests cannot or should not be sent there.

    What cannot be used is not quoted: it may hold a password.
    """
    try:
        parts = urlsplit(base_url)
        _ = parts.port, (parts.hostname or "").encode("idna")  # each raises for what cannot be one
    except ValueError:
        parts = urlsplit("")
    if "@" in parts.netloc:
        raise ConfigError(f"--base-url: leave user and password out of the URL; the key goes into {CUSTOM_KEY}")
    if parts.scheme not in ("http", "https") or not _AUTHORITY.fullmatch(parts.netloc):
        raise ConfigError("--base-url: expected an address like https://host/v1 or http://127.0.0.1:8000/v1")
    if parts.query or parts.fragment:
        raise ConfigError(f"--base-url: leave out what begins with ? or #; a key goes into {CUSTOM_KEY}")
    path = parts.path.rstrip("/")
    if path.endswith("/chat/completions"):
        raise ConfigError("--base-url: leave /chat/completions out, it is added to every request")
    return f"{parts.scheme}://{parts.netloc}{path}"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
