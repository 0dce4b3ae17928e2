"""Addresses: which can be used, and which mean this machine."""

import ipaddress
import re
from urllib.parse import parse_qsl, urlsplit

from asyncgen.errors import ConfigError

CUSTOM_KEY = "ASYNCGEN_API_KEY"
DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(r"(?:[\w.-]+|\[[\w.:%]+\])(?::[0-9]+)?")
_PLAIN_QUERY = re.compile(r"[\w.,:/+%~=&-]*", re.ASCII)
_SECRET_NAME = re.compile("key|token|secret|sig|pass|auth|cred|code|jwt", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"sk-.*|AIza.*|(?=.*\d)(?=.*[a-z])[\w+/=-]{24,}|.{65,}", re.IGNORECASE)


def check_base_url(base_url: str) -> str:
    """The address without a trailing slash; ConfigError when requests cannot or should not be sent there.

    What cannot be used is not quoted: it may hold a password. A query that may hold a key is refused, because the
    address is shown and journalled.
    """
    try:
        parts = urlsplit(base_url)
        _ = parts.port, (parts.hostname or "").encode("idna")  # each raises for what cannot be one
    except ValueError:
        parts = urlsplit("")
    if "@" in parts.netloc:
        raise ConfigError(f"--base-url: leave user and password out of the URL; the key goes into {CUSTOM_KEY}")
    if parts.scheme not in DEFAULT_PORTS or not _AUTHORITY.fullmatch(parts.netloc):
        raise ConfigError("--base-url: expected an address like https://host/v1 or http://127.0.0.1:8000/v1")
    may_hold_key = any(
        _SECRET_NAME.search(name) or _SECRET_VALUE.fullmatch(name) or _SECRET_VALUE.fullmatch(value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    if parts.fragment or may_hold_key or not _PLAIN_QUERY.fullmatch(parts.query):
        raise ConfigError(
            "--base-url: leave out what begins with ? or #, but for plain settings like ?api-version=2024-10-21; "
            f"a key goes into {CUSTOM_KEY}"
        )
    path = parts.path.rstrip("/")
    if path.endswith("/chat/completions"):
        raise ConfigError("--base-url: leave /chat/completions out, it is added to every request")
    return f"{parts.scheme}://{parts.netloc}{path}{'?' if parts.query else ''}{parts.query}"


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine: all names in `localhost` do (RFC 6761), and so does 0.0.0.0."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return is_local_name(host)
    return address.is_loopback or address.is_unspecified


def is_local_name(host: str) -> bool:
    """`localhost` or a name below it: no name server is to be asked for it."""
    return f".{host}".rstrip(".").endswith(".localhost")


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""
