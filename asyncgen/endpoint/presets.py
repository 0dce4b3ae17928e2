"""Providers and endpoints: who is asked, and which key may be sent to which host.

Pure and without a socket, so that every refusal about keys and addresses is a table in a test. A preset's key belongs
to the preset's host and is sent to no other, whatever flags and recipe say. ASYNCGEN_API_KEY belongs to the address
that --base-url names, or to the local server of a preset that has no key of its own.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from asyncgen.endpoint.address import CUSTOM_KEY, DEFAULT_PORTS, check_base_url, host_of, is_loopback
from asyncgen.endpoint.secret import Redactor, Secret
from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import JsonValue, RequestHeader

OFFLINE = "offline"
CUSTOM = "custom"
NO_KEY = "No key was sent"
# Hosts, by the end of their names, that look for the key in a header `api-key`.
API_KEY_HOSTS = (".azure.com", ".azure.us", ".azure.cn", ".azure-api.net")


@dataclass(frozen=True, slots=True)
class Provider:
    """What is particular to a provider.

    `key_variable`: the environment variable of its key, None where ASYNCGEN_API_KEY serves. `fields`: optional request
    fields it understands, merged under the recipe's. `session`: whether `session_id` keeps calls on one cache.
    `reports_cost`: whether its answers may say what they cost. `lists_prices`: whether GET /models tells prices, and
    GET /key what the key has left. `places`: calls it is taken to serve at once, until its answers tell.
    """

    name: str
    base_url: str
    key_variable: str | None = None
    fields: Mapping[str, JsonValue] = field(default_factory=dict)
    session: bool = False
    reports_cost: bool = False
    lists_prices: bool = False
    places: int = 4

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
        Provider("ollama", "http://127.0.0.1:11434/v1", places=1),
        Provider("vllm", "http://127.0.0.1:8000/v1"),
        Provider("llamacpp", "http://127.0.0.1:8080/v1", places=1),
        Provider(OFFLINE, ""),
    )
}
HOSTED = frozenset(host_of(each.base_url) for each in PROVIDERS.values() if each.key_variable)  # by others, anywhere


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A provider at an address, with the key and the headers that go there.

    `base_url` may have a query, which is sent with every request. `unsent_key`: a variable that holds a key of another
    host, where none is sent here.
    """

    provider: Provider
    base_url: str
    key: Secret | None = None
    headers: Mapping[str, Secret] = field(default_factory=dict)
    unsent_key: str | None = None

    def redactor(self) -> Redactor:
        return Redactor([*self.headers.values(), *([self.key] if self.key else [])])

    @property
    def host(self) -> str:
        return host_of(self.base_url)

    @property
    def where(self) -> str:
        """The host as messages name it, with its port where that is not the usual one."""
        return _where(self.base_url)

    @property
    def label(self) -> str:
        """Who is asked, as messages name it."""
        return name_provider(self.provider.name, self.base_url)

    def url(self, path: str) -> str:
        address, question_mark, query = self.base_url.partition("?")
        return f"{address}{path}{question_mark}{query}"

    def sent_headers(self) -> dict[str, str]:
        """The key and the recipe's headers, in lower case, so that a recipe's header replaces the key's."""
        sent = {}
        if self.key is not None and self.host.endswith(API_KEY_HOSTS):
            sent["api-key"] = self.key.reveal()
        elif self.key is not None:
            sent["authorization"] = f"Bearer {self.key.reveal()}"
        return sent | {name.lower(): secret.reveal() for name, secret in self.headers.items()}

    @property
    def key_advice(self) -> str:
        """What to do where a key is wanted and none was sent; empty when one was."""
        if self.key is not None or any(not secret.is_public for secret in self.headers.values()):
            return ""
        advice = f"{NO_KEY}: put it into {_key_variable(self.provider, self.base_url)}"
        if self.unsent_key is None:
            return advice
        return f"{advice} ({self.unsent_key} is set, but belongs to {_owner(self.unsent_key)})"

    @property
    def is_offline(self) -> bool:
        return self.provider.name == OFFLINE

    def check_key(self) -> None:
        """Raises ConfigError when the provider's own address is to be called without the key it needs."""
        variable = _key_variable(self.provider, self.base_url)
        if self.key is None and variable != CUSTOM_KEY:
            raise ConfigError(
                f"--provider {self.provider.name} needs a key: set {variable} in the environment or in .env"
            )


def name_provider(name: str, base_url: str = "") -> str:
    """As messages name it: one that has no name of its own by its host. Without an address, where others read it."""
    if name != CUSTOM:
        return name
    return _where(base_url) if base_url else "an endpoint of one's own"


def provider_and_address(name: str, base_url: str) -> tuple[str | None, str | None]:
    """What --provider and --base-url were, by what they came to; only one where that says it all."""
    if name == CUSTOM:
        return None, base_url
    is_own = name == OFFLINE or (name in PROVIDERS and PROVIDERS[name].base_url == base_url)
    return name, None if is_own else base_url


def endpoint_flags(name: str, base_url: str) -> list[str]:
    """The same as it is typed."""
    given = zip(("--provider", "--base-url"), provider_and_address(name, base_url), strict=True)
    return [word for flag, value in given if value is not None for word in (flag, value)]


def resolve_endpoint(
    provider: str | None, base_url: str | None, environment: Mapping[str, str], *, insecure_http: bool = False
) -> Endpoint:
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
    key = read_key(_key_variable(preset, address), environment, address, insecure_http=insecure_http)
    unsent = None if key is not None or (other := other_key(environment)) is None else other.key_variable
    return Endpoint(preset, address, key, unsent_key=unsent)


def _key_variable(preset: Provider, address: str) -> str:
    """Whose key goes to that address: the preset's to the preset's own host, ASYNCGEN_API_KEY anywhere else."""
    if preset.key_variable and host_of(address) == host_of(preset.base_url):
        return preset.key_variable
    return CUSTOM_KEY


def other_key(environment: Mapping[str, str]) -> Provider | None:
    """The first preset whose key is set: what a run without a provider may have meant."""
    return next((each for each in PROVIDERS.values() if each.key_variable and environment.get(each.key_variable)), None)


def read_headers(
    headers: Iterable[RequestHeader], base_url: str, environment: Mapping[str, str], *, insecure_http: bool = False
) -> dict[str, Secret]:
    """A recipe's headers, ready to be sent to that address. Raises ConfigError."""
    read: dict[str, Secret] = {}
    for each in headers:
        if each.variable is None:
            read[each.name] = Secret(each.value or "", is_public=True)
            continue
        secret = _read_secret(each.variable, environment, base_url, insecure_http=insecure_http)
        if secret is None:
            raise ConfigError(f"the recipe's header {each.name}: set {each.variable} in the environment or in .env")
        if not secret.reveal().isprintable():
            raise ConfigError(f"{each.variable}: a header is one printable line; this one has another character in it")
        read[each.name] = secret
    return read


def read_key(
    variable: str, environment: Mapping[str, str], base_url: str, *, insecure_http: bool = False
) -> Secret | None:
    """The key of that variable, None when unset or empty; ConfigError, without showing it, when it is no key."""
    key = _read_secret(variable, environment, base_url, insecure_http=insecure_http)
    if key is not None and not re.fullmatch("[!-~]+", key.reveal()):
        raise ConfigError(
            f"{variable}: a key is one word of plain ASCII; this one has a blank or another character in it"
        )
    if key is not None and key.reveal()[0] in "\"'":
        raise ConfigError(f"{variable}: a key has no quotes; what has set it here did not take them off")
    return key


def _read_secret(variable: str, environment: Mapping[str, str], base_url: str, *, insecure_http: bool) -> Secret | None:
    value = environment.get(variable, "").strip()
    if not value:
        return None
    host, owner = host_of(base_url), _owner(variable)
    if owner not in (None, host):
        raise ConfigError(
            f"{variable} belongs to {owner} and is not sent to {_where(base_url)}: put the key for that address into a "
            "variable of its own"
        )
    if base_url.startswith("http:") and not is_loopback(host):
        refusal = f"--base-url: {variable} would go over plain http to {_where(base_url)}; use https"
        if owner is not None:
            raise ConfigError(refusal)
        if not insecure_http:
            raise ConfigError(f"{refusal}, or --insecure-http where nobody can listen in, as in a network of your own")
    return Secret(value)


def _owner(variable: str) -> str | None:
    """The only host that this variable's key may be sent to."""
    return next((host_of(each.base_url) for each in PROVIDERS.values() if each.key_variable == variable), None)


def _where(url: str) -> str:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f"{host}:{parts.port}"
