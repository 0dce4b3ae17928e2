import copy
import pickle
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.endpoint.address import check_base_url
from asyncgen.endpoint.presets import PROVIDERS, Endpoint, other_key, read_headers, resolve_endpoint
from asyncgen.endpoint.secret import Redactor, Secret
from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import RequestHeader

KEY = "sk-marker-0a1b2c3d"
OPENROUTER = "OPENROUTER_API_KEY"
OPENAI = "OPENAI_API_KEY"
CUSTOM = "ASYNCGEN_API_KEY"
ALL_KEYS = {OPENROUTER: "openrouter-key", OPENAI: "openai-key", CUSTOM: "custom-key"}


def key_of(endpoint: Endpoint) -> str | None:
    return None if endpoint.key is None else endpoint.key.reveal()


# ---- which provider, which address, which key


@each_row(
    ("provider", "base_url", "address", "key"),
    [
        (None, None, "https://openrouter.ai/api/v1", "openrouter-key"),
        ("openrouter", None, "https://openrouter.ai/api/v1", "openrouter-key"),
        ("openai", None, "https://api.openai.com/v1", "openai-key"),
        ("ollama", None, "http://127.0.0.1:11434/v1", "custom-key"),
        ("vllm", None, "http://127.0.0.1:8000/v1", "custom-key"),
        ("llamacpp", None, "http://127.0.0.1:8080/v1", "custom-key"),
        ("offline", None, "", None),
        # A preset's key goes to the preset's host, under whatever path or port, and nowhere else.
        ("openrouter", "https://openrouter.ai/api/v2", "https://openrouter.ai/api/v2", "openrouter-key"),
        ("openrouter", "https://OpenRouter.AI:8443/v1", "https://OpenRouter.AI:8443/v1", "openrouter-key"),
        ("openrouter", "https://other.example/v1", "https://other.example/v1", "custom-key"),
        ("openrouter", "https://openrouter.ai.evil.example", "https://openrouter.ai.evil.example", "custom-key"),
        ("openrouter", "https://api.openai.com/v1", "https://api.openai.com/v1", "custom-key"),
        ("openai", "https://eu.api.openai.com/v1", "https://eu.api.openai.com/v1", "custom-key"),
        # An address without a provider is plain `custom`, also when it is a preset's.
        (None, "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1", "custom-key"),
        (None, "https://other.example/v1", "https://other.example/v1", "custom-key"),
        # A local server started with a key of its own.
        ("vllm", "http://127.0.0.1:9000/v1", "http://127.0.0.1:9000/v1", "custom-key"),
        ("vllm", "http://localhost:8000/v1", "http://localhost:8000/v1", "custom-key"),
        ("ollama", "https://gpu.example/v1", "https://gpu.example/v1", "custom-key"),
    ],
)
def test_a_key_is_sent_only_to_the_host_it_belongs_to(
    provider: str | None, base_url: str | None, address: str, key: str | None
) -> None:
    endpoint = resolve_endpoint(provider, base_url, ALL_KEYS)
    assert (endpoint.base_url, key_of(endpoint)) == (address, key)


@given(
    provider=st.sampled_from([None, "openrouter", "openai", "ollama", "vllm", "llamacpp"]),
    host=st.sampled_from(
        ["openrouter.ai", "api.openai.com", "openrouter.ai.", "x.openrouter.ai", "[::1]", "127.0.0.1"]
    ),
    scheme=st.sampled_from(["http", "https"]),
    keys=st.sets(st.sampled_from(sorted(ALL_KEYS))),
)
def test_no_flags_bring_a_preset_key_to_another_host(
    provider: str | None, host: str, scheme: str, keys: set[str]
) -> None:
    try:
        endpoint = resolve_endpoint(provider, f"{scheme}://{host}/v1", {name: ALL_KEYS[name] for name in keys})
    except ConfigError:
        return
    assert key_of(endpoint) != "openrouter-key" or endpoint.base_url == "https://openrouter.ai/v1"
    assert key_of(endpoint) != "openai-key" or endpoint.base_url == "https://api.openai.com/v1"
    assert endpoint.key is None or scheme == "https" or host in ("[::1]", "127.0.0.1")


@each_row(
    ("provider", "base_url", "environment", "complaint"),
    [
        ("openrouter", None, {OPENAI: KEY, CUSTOM: KEY}, "--provider openrouter needs a key: set OPENROUTER_API_KEY"),
        ("openai", None, {OPENROUTER: KEY}, "--provider openai needs a key: set OPENAI_API_KEY"),
        ("openai", "https://api.openai.com/v1", {CUSTOM: KEY}, "--provider openai needs a key"),
        ("openai", None, {OPENAI: "   "}, "--provider openai needs a key"),
        ("offline", "http://127.0.0.1:1", {}, "--base-url: the offline engine starts its own server"),
        ("openrouter", "http://openrouter.ai/api/v1", {OPENROUTER: KEY}, "OPENROUTER_API_KEY would go over plain http"),
        (None, "http://other.example/v1", {CUSTOM: KEY}, "ASYNCGEN_API_KEY would go over plain http to other.example"),
        (None, "http://10.0.0.7:8000/v1", {CUSTOM: KEY}, "plain http to 10.0.0.7:8000; use https, or --insecure-http"),
        (None, "http://localhost.evil.example", {CUSTOM: KEY}, "over plain http"),
        (None, "http://[fe80::1]:8000", {CUSTOM: KEY}, "over plain http to [fe80::1]:8000"),
    ],
)
def test_what_cannot_be_used_is_refused(
    provider: str | None, base_url: str | None, environment: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_endpoint(provider, base_url, environment).check_key()
    assert complaint in str(caught.value)
    assert KEY not in str(caught.value)


@each_row(
    "host",
    ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "0.0.0.0", "[::]", "gpu.localhost", "LOCALHOST", "a.localhost."],
)
def test_plain_http_with_a_key_is_fine_on_loopback(host: str) -> None:
    assert key_of(resolve_endpoint(None, f"http://{host}:8000/v1", {CUSTOM: KEY})) == KEY


@each_row("host", ["192.168.1.7", "10.0.0.7", "gpu-box", "gpu.lan", "[fe80::1]"])
def test_plain_http_with_a_key_goes_elsewhere_only_when_asked_to(host: str) -> None:
    url = f"http://{host}:8000/v1"
    with pytest.raises(ConfigError, match="--insecure-http"):
        resolve_endpoint(None, url, {CUSTOM: KEY})
    assert key_of(resolve_endpoint(None, url, {CUSTOM: KEY}, insecure_http=True)) == KEY
    with pytest.raises(ConfigError, match="--insecure-http"):
        read_headers([RequestHeader("x", variable="GATEWAY")], url, {"GATEWAY": KEY})
    assert (
        read_headers([RequestHeader("x", variable="GATEWAY")], url, {"GATEWAY": KEY}, insecure_http=True)["x"].reveal()
        == KEY
    )


def test_the_key_of_a_preset_never_goes_over_plain_http() -> None:
    with pytest.raises(ConfigError, match=r"OPENROUTER_API_KEY would go over plain http to openrouter.ai; use https$"):
        resolve_endpoint("openrouter", "http://openrouter.ai/api/v1", {OPENROUTER: KEY}, insecure_http=True)


@each_row(
    ("base_url", "headers"),
    [
        ("https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21", {"api-key": KEY}),
        ("https://x.services.ai.azure.com/models", {"api-key": KEY}),
        ("https://x.openai.azure.us/openai/v1", {"api-key": KEY}),
        ("https://azure.com.evil.example/v1", {"authorization": f"Bearer {KEY}"}),
        ("https://notazure.com/v1", {"authorization": f"Bearer {KEY}"}),
        ("https://gateway.example/v1", {"authorization": f"Bearer {KEY}"}),
    ],
)
def test_the_key_goes_into_the_header_its_host_reads(base_url: str, headers: dict[str, str]) -> None:
    assert resolve_endpoint(None, base_url, {CUSTOM: KEY}).sent_headers() == headers


@pytest.mark.parametrize(
    ("provider", "base_url", "environment", "advice"),
    [
        (None, "https://a.example/v1", {}, "No key was sent: put it into ASYNCGEN_API_KEY"),
        ("vllm", None, {}, "No key was sent: put it into ASYNCGEN_API_KEY"),
        (
            *(None, "https://a.example/v1", {OPENAI: KEY}),
            "No key was sent: put it into ASYNCGEN_API_KEY (OPENAI_API_KEY is set, but belongs to api.openai.com)",
        ),
        (
            *("openai", "https://a.example/v1", {OPENROUTER: KEY}),
            "No key was sent: put it into ASYNCGEN_API_KEY (OPENROUTER_API_KEY is set, but belongs to openrouter.ai)",
        ),
        (None, "https://a.example/v1", {CUSTOM: KEY}, ""),
        ("openai", None, {OPENAI: KEY}, ""),
    ],
)
def test_where_no_key_is_sent_the_variable_that_would_be_is_known(
    provider: str | None, base_url: str | None, environment: dict[str, str], advice: str
) -> None:
    assert resolve_endpoint(provider, base_url, environment).key_advice == advice


def test_a_header_from_the_environment_counts_as_a_key() -> None:
    plain, secret = {"x-title": Secret("mine", is_public=True)}, {"x-key": Secret(KEY)}
    assert Endpoint(PROVIDERS["vllm"], "https://a.example", None, plain).key_advice
    assert Endpoint(PROVIDERS["vllm"], "https://a.example", None, secret).key_advice == ""


@each_row(
    ("base_url", "where"),
    [
        ("https://a.example/v1", "a.example"),
        ("https://a.example:443/v1", "a.example"),
        ("https://A.example:8443/v1", "a.example:8443"),
        ("http://127.0.0.1:80", "127.0.0.1"),
        ("http://127.0.0.1:443", "127.0.0.1:443"),
        ("http://[::1]:8000/v1?x=1", "[::1]:8000"),
        ("http://[::1]", "[::1]"),
    ],
)
def test_messages_name_the_port_where_it_is_not_the_usual_one(base_url: str, where: str) -> None:
    assert resolve_endpoint(None, base_url, {}).where == where


@each_row(
    "word",
    ["ollama", "EMPTY", "none", "Bearer", "lm-studio", "sk-no-key-required", "not-needed", "token-abc123", "anything"],
)
def test_a_word_too_short_or_too_common_to_be_a_key_is_not_looked_for(word: str) -> None:
    said = f"the {word} model is not there".encode()
    assert Redactor([Secret(word)]).redact(said) == said
    assert Redactor([Secret(f"{word} {KEY}")]).redact(said + KEY.encode()) == said + b"[redacted]"


def test_plain_http_without_a_key_is_fine_anywhere() -> None:
    endpoint = resolve_endpoint(None, "http://gpu.example:8000/v1", {OPENROUTER: KEY})
    assert (endpoint.host, endpoint.key, endpoint.provider.name) == ("gpu.example", None, "custom")


@pytest.mark.parametrize("environment", [{}, {OPENAI: KEY, CUSTOM: KEY}, {OPENROUTER: ""}])
def test_without_flags_and_key_the_offline_engine_answers(environment: dict[str, str]) -> None:
    endpoint = resolve_endpoint(None, None, environment)
    assert endpoint.is_offline
    assert endpoint.key is None


def test_only_openrouter_gets_its_own_fields() -> None:
    with_fields = {name for name, provider in PROVIDERS.items() if provider.fields or provider.session}
    assert with_fields == {"openrouter"}
    assert PROVIDERS["openrouter"].fields == {"provider": {"require_parameters": True}}


def test_the_preset_a_run_may_have_meant_is_the_one_whose_key_is_set() -> None:
    meant = other_key({OPENAI: KEY, CUSTOM: KEY})
    assert meant is PROVIDERS["openai"]
    assert other_key({CUSTOM: KEY}) is None


# ---- addresses


@each_row(
    ("given_url", "address"),
    [
        ("https://host.example", "https://host.example"),
        ("https://host.example/", "https://host.example"),
        ("https://host.example/api/v1//", "https://host.example/api/v1"),
        ("HTTPS://host.example:8443/v1?", "https://host.example:8443/v1"),
        ("http://[::1]:8000/v1/", "http://[::1]:8000/v1"),
        ("http://[::1]", "http://[::1]"),
        ("https://münchen.example/v1", "https://münchen.example/v1"),
        ("https://my_host.example", "https://my_host.example"),
        ("https://host.example/chat/completions/v1", "https://host.example/chat/completions/v1"),
        ("https://x.example/d/gpt/?api-version=2024-10-21", "https://x.example/d/gpt?api-version=2024-10-21"),
        ("https://x.example?api-version=preview&region=eu", "https://x.example?api-version=preview&region=eu"),
    ],
)
def test_an_address_is_kept_but_for_its_trailing_slash(given_url: str, address: str) -> None:
    assert check_base_url(given_url) == address


@each_row(
    ("base_url", "complaint"),
    [
        ("", "expected an address"),
        ("host.example/v1", "expected an address"),
        ("localhost:8000/v1", "expected an address"),
        ("//host.example", "expected an address"),
        ("ftp://host.example", "expected an address"),
        ("file:///etc/passwd", "expected an address"),
        ("https://", "expected an address"),
        ("https:///v1", "expected an address"),
        ("https://:443/v1", "expected an address"),
        ("https://host.example:", "expected an address"),
        ("https://host.example:port", "expected an address"),
        ("https://host.example:99999", "expected an address"),
        ("https://[::1", "expected an address"),
        ("https://[::1]x/", "expected an address"),
        ("https://exa mple.com", "expected an address"),
        ("https://host.example /v1", "expected an address"),
        ("https://openrouter.ai\\evil.example/", "expected an address"),
        ("https://a..b/v1", "expected an address"),
        (f"https://{'a' * 64}.example", "expected an address"),
        ("https://user@host.example/v1", "leave user and password out"),
        ("https://user:secret@host.example", "leave user and password out"),
        ("https://:@host.example", "leave user and password out"),
        ("https://host.example/v1?api-key=1", "leave out what begins with ? or #, but for plain settings"),
        ("https://host.example/v1?code=1", "leave out what begins with ? or #"),
        ("https://host.example/v1?a=1&sig%6Eature=2", "leave out what begins with ? or #"),
        ("https://host.example/v1?sk-0a1b2c", "leave out what begins with ? or #"),
        ("https://host.example/v1?v=0123456789abcdef0123456789abcdef", "leave out what begins with ? or #"),
        ("https://host.example/v1?a={b}", "leave out what begins with ? or #"),
        ("https://host.example/v1/chat/completions?api-version=1", "leave /chat/completions out"),
        ("https://host.example/v1#part", "leave out what begins with ? or #"),
        ("https://host.example/v1/chat/completions", "leave /chat/completions out"),
        ("https://host.example/v1/chat/completions/", "leave /chat/completions out"),
    ],
)
def test_an_address_no_request_should_go_to_is_refused(base_url: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match="--base-url: ") as caught:
        check_base_url(base_url)
    assert complaint in str(caught.value)


@each_row(
    "base_url",
    [
        f"https://user:{KEY}@host.example",
        f"https://user:{KEY}/tail@host.example",
        f"https://user:{KEY}",
        f"user:{KEY}@host.example",
        f"https://host.example/v1?key={KEY}",
        f"https://host.example/v1#{KEY}",
    ],
)
def test_a_refused_address_is_not_quoted_because_it_may_hold_a_key(base_url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_base_url(base_url)
    assert KEY not in "".join(traceback.format_exception(caught.value))


@given(st.text(max_size=40) | st.text("https:/@[]?#.\\ %a1\t\n", max_size=20).map("https://".__add__))
def test_any_text_is_an_address_or_one_refusal(text: str) -> None:
    try:
        address = check_base_url(text)
    except ConfigError:
        return
    assert check_base_url(address) == address
    assert "@" not in address.partition("://")[2].partition("/")[0]


# ---- keys


@each_row(
    "bad",
    [f"{KEY} x", f"a\n{KEY}", f"{KEY}\tb", f"“{KEY}”", f"{KEY}\u200b", f"{KEY}\x00", f"é{KEY}", f"{KEY}\u00a0b"],
)
def test_a_key_that_is_none_is_refused_without_being_shown(bad: str) -> None:
    with pytest.raises(ConfigError, match="OPENROUTER_API_KEY: a key is one word of plain ASCII") as caught:
        resolve_endpoint("openrouter", None, {OPENROUTER: bad})
    assert "marker" not in "".join(traceback.format_exception(caught.value))


@each_row("quoted", [f'"{KEY}"', f"'{KEY}'", f'"{KEY}'])
def test_quotes_that_nobody_took_off_a_key_are_told_before_it_is_sent(quoted: str) -> None:
    with pytest.raises(ConfigError, match="OPENROUTER_API_KEY: a key has no quotes") as caught:
        resolve_endpoint("openrouter", None, {OPENROUTER: quoted})
    assert "marker" not in "".join(traceback.format_exception(caught.value))


def test_blanks_around_a_key_are_dropped() -> None:
    assert key_of(resolve_endpoint("openrouter", None, {OPENROUTER: f"  {KEY}\r\n"})) == KEY


@each_row(
    "show",
    [
        repr,
        str,
        ascii,
        "{0} {0!r} {0!s:>40}".format,
        lambda secret: f"{secret} {[secret]}",
        lambda secret: str(Endpoint(PROVIDERS["openai"], "https://a.example", secret, {"x": secret})),
    ],
)
def test_a_secret_shows_itself_in_no_text(show: Callable[[Secret], str]) -> None:
    text = show(Secret(KEY))
    assert "Secret(" in text
    assert KEY not in text


def test_a_secret_has_no_dictionary_and_no_pickle() -> None:
    secret = Secret(KEY)
    with pytest.raises(TypeError):
        vars(secret)
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled") as caught:
            copied(secret)
        assert "marker" not in "".join(traceback.format_exception(caught.value))


def test_a_trace_that_shows_locals_does_not_show_a_secret() -> None:
    def fail(secret: Secret) -> None:
        raise ValueError(f"with {secret}")

    with pytest.raises(ValueError, match="with Secret") as caught:
        fail(Secret(KEY))
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert shown.stack[-1].locals == {"secret": "Secret(…)"}


# ---- a recipe's headers


def test_headers_are_given_or_come_from_the_environment() -> None:
    headers = read_headers(
        [RequestHeader("X-Title", value="asyncgen"), RequestHeader("api-key", variable="GATEWAY")],
        "https://gateway.example",
        {"GATEWAY": "Bearer abc "},
    )
    assert {name: secret.reveal() for name, secret in headers.items()} == {
        "X-Title": "asyncgen",
        "api-key": "Bearer abc",
    }


@pytest.mark.parametrize(
    ("variable", "base_url", "environment", "complaint"),
    [
        ("GATEWAY", "https://a.example", {}, "the recipe's header api-key: set GATEWAY in the environment"),
        ("GATEWAY", "https://a.example", {"GATEWAY": f"{KEY}\nX: y"}, "GATEWAY: a header is one printable line"),
        ("GATEWAY", "http://a.example", {"GATEWAY": KEY}, "GATEWAY would go over plain http to a.example"),
        (OPENROUTER, "https://a.example", {OPENROUTER: KEY}, "OPENROUTER_API_KEY belongs to openrouter.ai"),
        (
            OPENAI,
            "https://openrouter.ai/api/v1",
            {OPENAI: KEY},
            "is not sent to openrouter.ai: put the key for that address into a variable of its own",
        ),
    ],
)
def test_a_header_that_would_leak_or_break_is_refused(
    variable: str, base_url: str, environment: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_headers([RequestHeader("api-key", variable=variable)], base_url, environment)
    assert complaint in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_header_may_hold_the_key_of_the_host_it_goes_to() -> None:
    headers = read_headers([RequestHeader("x-key", variable=OPENAI)], "https://api.openai.com/v1", {OPENAI: KEY})
    assert headers["x-key"].reveal() == KEY
