"""Which proxy leads to an address: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as curl and Go read them.

Read here, because aiohttp's own way (`trust_env`) would also send credentials found in ~/.netrc, and because the
standard library's knows neither ranges nor ALL_PROXY. An empty variable counts as unset; lower case goes first.
"""

import ipaddress
import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from asyncgen.endpoint.address import DEFAULT_PORTS, is_loopback
from asyncgen.errors import ConfigError


def find_proxy(base_url: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The proxy for this address, never one for this machine. Raises ConfigError for a kind that cannot be used."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    variable = _first_set(environment, f"{parts.scheme.upper()}_PROXY", "ALL_PROXY")
    if variable is None or is_loopback(host):
        return None
    exempt = _first_set(environment, "NO_PROXY")
    entries = environment[exempt].lower().replace(",", " ").split() if exempt else ()
    if any(_covers(each, host.rstrip("."), str(parts.port or DEFAULT_PORTS[parts.scheme])) for each in entries):
        return None
    proxy = environment[variable].strip()
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        its = urlsplit(proxy)
        _ = its.port  # raises for what cannot be one
    except ValueError:
        its = urlsplit("")
    if its.scheme not in ("http", "https") or not its.hostname:
        raise ConfigError(f"{variable}: expected http://HOST:PORT, other kinds of proxy cannot be used")
    return proxy


def _first_set(environment: Mapping[str, str], *names: str) -> str | None:
    spellings = (spelling for name in names for spelling in (name.lower(), name))
    return next((each for each in spellings if environment.get(each, "").strip()), None)


def _covers(entry: str, host: str, port: str) -> bool:
    """Whether an entry of NO_PROXY means this host.

    It is `*`, an address, a range of addresses, or a name, which stands for itself and all below it, with or without a
    `.` or `*.` before it. A port behind it means that port alone.
    """
    name, _, its_port = entry.partition(":")
    if entry.startswith("["):
        inside, _, rest = entry[1:].partition("]")
        tail, _, its_port = rest.partition(":")
        name = inside + tail
    elif ":" in its_port:  # an IPv6 address
        name, its_port = entry, ""
    if its_port not in ("", port):
        return False
    if name == "*":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = name.removeprefix("*").strip(".")
        return bool(name) and f".{host}".endswith(f".{name}")
    try:
        return address in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False
