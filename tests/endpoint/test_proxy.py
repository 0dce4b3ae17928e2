import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.endpoint.proxy import find_proxy
from asyncgen.errors import ConfigError

KEY = "sk-marker-0a1b2c3d"


@each_row(
    ("url", "environment", "proxy"),
    [
        ("https://a.example/v1", {}, None),
        ("https://a.example/v1", {"HTTPS_PROXY": "http://p:3128"}, "http://p:3128"),
        ("https://a.example/v1", {"https_proxy": "http://p:3128"}, "http://p:3128"),
        ("https://a.example/v1", {"HTTPS_PROXY": "p:3128"}, "http://p:3128"),
        ("https://a.example/v1", {"HTTP_PROXY": "http://p:3128"}, None),
        ("http://a.example/v1", {"HTTP_PROXY": "http://p:3128"}, "http://p:3128"),
        ("http://a.example/v1", {"HTTPS_PROXY": "http://p:3128"}, None),
        ("https://a.example/v1", {"HTTPS_PROXY": ""}, None),
        ("https://a.example/v1", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.example, a.example"}, None),
        ("https://a.example:8443/v1", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example:8443"}, None),
        ("https://x.a.example/v1", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".a.example"}, None),
        ("https://aa.example/v1", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.example"}, "http://p:1"),
        ("https://a.example/v1", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, None),
        ("https://[2001:db8::1]:8443/v1", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("http://127.0.0.1:8000/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://127.9.9.9/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://[::1]:8000/v1", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://localhost:8000", {"HTTP_PROXY": "http://p:1"}, None),
        ("https://localhost", {"HTTPS_PROXY": "http://p:1"}, None),
        ("http://gpu.localhost:8000", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://0.0.0.0:8000", {"HTTP_PROXY": "http://p:1"}, None),
        # The kinds, and which goes first.
        ("https://a.example/v1", {"ALL_PROXY": "http://p:1"}, "http://p:1"),
        ("http://a.example/v1", {"all_proxy": "p:1"}, "http://p:1"),
        ("https://a.example/v1", {"ALL_PROXY": "http://all:1", "HTTPS_PROXY": "https://p:1"}, "https://p:1"),
        ("https://a.example/v1", {"ALL_PROXY": "socks5://s:1", "HTTPS_PROXY": "HTTP://p:1"}, "HTTP://p:1"),
        ("https://a.example/v1", {"ALL_PROXY": "http://all:1", "HTTPS_PROXY": " "}, "http://all:1"),
        ("https://a.example/v1", {"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, "http://low:1"),
        ("https://a.example/v1", {"https_proxy": "", "HTTPS_PROXY": "http://up:1"}, "http://up:1"),
        ("https://a.example/v1", {"HTTPS_PROXY": " http://p:1 "}, "http://p:1"),
        ("http://127.0.0.1:8000", {"ALL_PROXY": "socks5://s:1"}, None),
    ],
)
def test_the_proxy_is_what_the_environment_names_and_never_for_this_machine(
    url: str, environment: dict[str, str], proxy: str | None
) -> None:
    assert find_proxy(url, environment) == proxy


@each_row(
    ("no_proxy", "direct", "by_proxy"),
    [
        ("*", "a.example 10.1.2.3 [2001:db8::1]", ""),
        ("", "", "a.example"),
        (" , ,", "", "a.example 10.1.2.3"),
        ("10.0.0.0/8", "10.1.2.3 10.0.0.0 10.255.255.255:8000", "11.0.0.1 a.example 10.1.2.3.example"),
        ("192.168.1.7/24", "192.168.1.200", "192.168.2.1"),
        ("10.0.0.0/255.0.0.0", "10.9.9.9", "11.0.0.1"),
        ("10.1.2.3", "10.1.2.3 10.1.2.3:99", "10.1.2.4 110.1.2.3"),
        ("3", "", "10.1.2.3"),
        ("2001:db8::/32", "[2001:db8::1] [2001:DB8:0:0::9]:8000", "[2001:db9::1] 10.1.2.3"),
        ("[2001:db8::]/32", "[2001:db8::1]", "[2001:db9::1]"),
        ("2001:db8::1", "[2001:db8:0::1]", "[2001:db8::2]"),
        ("[2001:db8::1]:8000", "[2001:db8::1]:8000", "[2001:db8::1]:8001 [2001:db8::1]"),
        ("lan", "lan gpu.lan a.gpu.lan GPU.LAN gpu.lan.", "wlan gpu.wlan lan.example"),
        (".lan", "lan gpu.lan", "wlan"),
        ("*.lan", "gpu.lan a.gpu.lan", "wlan"),
        ("gpu.lan.", "gpu.lan", "a.example"),
        ("GPU.lan", "gpu.lan", "a.example"),
        ("gpu.lan:8000", "gpu.lan:8000 a.gpu.lan:8000", "gpu.lan gpu.lan:8001"),
        ("gpu.lan:443", "gpu.lan", "gpu.lan:8000"),
        ("*:8000", "a.example:8000", "a.example"),
        ("10.1.2.3:8000", "10.1.2.3:8000", "10.1.2.3"),
        ("a.example,10.0.0.0/8 lan,\tb.example", "a.example 10.1.1.1 gpu.lan b.example", "c.example"),
        ("10.0.0.0/99 [::1 :: a:b:c . *. *", "a.example", ""),
        ("10.0.0.0/99 [::1 a:b:c . *. .*", "", "a.example 10.0.0.1"),
    ],
)
def test_no_proxy_is_read_as_curl_and_go_read_it(no_proxy: str, direct: str, by_proxy: str) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        environment = {name: no_proxy, "HTTPS_PROXY": "http://p:1"}
        proxies = {host: find_proxy(f"https://{host}/v1", environment) for host in f"{direct} {by_proxy}".split()}
        assert proxies == dict.fromkeys(direct.split()) | dict.fromkeys(by_proxy.split(), "http://p:1")


@given(st.text(max_size=30) | st.text("*.,:/[] 10alnx%", max_size=20))
def test_any_no_proxy_is_read(no_proxy: str) -> None:
    for host in ("a.example", "10.1.2.3:8000", "[2001:db8::1]", "[fe80::1%25eth0]"):
        environment = {"NO_PROXY": no_proxy, "ALL_PROXY": "http://p:1"}
        assert find_proxy(f"https://{host}/v1", environment) in (None, "http://p:1")


@each_row("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@each_row("proxy", [f"socks5://me:{KEY}@127.0.0.1:1", "socks5h://s:1", "http://", "p:port", "http://[::1"])
def test_a_proxy_of_another_kind_is_refused_without_its_password(name: str, proxy: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: expected http://HOST:PORT, other kinds of proxy") as caught:
        find_proxy("https://a.example/v1", {name: proxy})
    assert KEY not in str(caught.value)
