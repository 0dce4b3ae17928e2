"""A headless Chromium for tests, driven through chromedriver by the WebDriver protocol: some JSON over loopback.

Nothing is downloaded and nothing is asked of the network; pages are files or loopback servers.
"""

import base64
import contextlib
import http.client
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

PATIENCE = 30  # seconds for any one command
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars"),
)
INSTALL = "these tests need Chromium and its driver: apt-get install chromium chromium-driver"


class Browser:
    """One tab. `run` evaluates JavaScript in the page, `keys` types into whatever has the focus."""

    def __init__(self, port: int, flags: list[str], binary: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        chrome = {"args": flags, "binary": binary}
        capabilities = {"goog:chromeOptions": chrome, "goog:loggingPrefs": {"browser": "ALL"}}
        created = self._send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        assert isinstance(created, dict)
        self._session = f"/session/{created['sessionId']}"

    def _send(self, method: str, path: str, body: object = None) -> object:
        self._connection.request(method, path, msgspec.json.encode(body or {}) if method == "POST" else None)
        value = msgspec.json.decode(self._connection.getresponse().read())["value"]
        if isinstance(value, dict) and "error" in value:
            raise AssertionError(f"{value['error']}: {value['message']}")
        return value

    def _post(self, path: str, body: object = None) -> object:
        return self._send("POST", self._session + path, body)

    def open(self, address: str) -> None:
        self._post("/url", {"url": address})

    def run(self, script: str, *arguments: object) -> object:
        """What the script returns."""
        return self._post("/execute/sync", {"script": script, "args": arguments})

    def text(self, selector: str) -> str:
        """What a reader sees of the first element."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def count(self, selector: str) -> int:
        number = self.run("return document.querySelectorAll(arguments[0]).length", selector)
        assert isinstance(number, int)
        return number

    def click(self, selector: str) -> None:
        found = self._post("/element", {"using": "css selector", "value": selector})
        assert isinstance(found, dict)
        self._post(f"/element/{next(iter(found.values()))}/click")

    def choose(self, selector: str, label: str) -> None:
        """Picks the option of that label in a select element."""
        self.run(
            "const select = document.querySelector(arguments[0]);"
            "select.value = [...select.options].find((each) => each.label === arguments[1]).value;"
            "select.dispatchEvent(new Event('change', {bubbles: true}))",
            selector,
            label,
        )

    def keys(self, text: str) -> None:
        pressed = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self._post("/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": pressed}]})

    def wait_for(self, script: str, *arguments: object) -> None:
        """Until the expression is true; the page looks at every frame."""
        self._post(
            "/execute/async",
            {
                "script": f"const done = arguments[arguments.length - 1]; const values = [...arguments];"
                f"const look = () => (function () {{ return {script} }}).apply(null, values) ? done(true)"
                " : setTimeout(look, 20); look()",
                "args": arguments,
            },
        )

    def devtools(self, command: str, **parameters: object) -> object:
        return self._post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def ids(self) -> list[str]:
        found = self.run("return [...document.querySelectorAll('[id]')].map((each) => each.id)")
        if not isinstance(found, list):
            raise TypeError(f"expected ids, got {found!r}")
        return found

    def ground_brightness(self) -> float:
        """From 0, black, to 255."""
        ground = str(self.run("return getComputedStyle(document.documentElement).backgroundColor"))
        return sum(map(int, re.findall(r"\d+", ground)[:3])) / 3

    def look(self, *, width: int = 1100, height: int = 900, scheme: str = "light") -> None:
        """Set the size of the page and the reader's wishes; nothing glides, so a click meets what it aims at."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.devtools("Emulation.setEmulatedMedia", media="", features=features)

    def screenshot(self) -> bytes:
        """What is in view, as PNG."""
        return base64.b64decode(str(self._send("GET", f"{self._session}/screenshot")))

    def paper(self) -> bytes:
        """The page as it is printed, as PDF."""
        return base64.b64decode(str(self._post("/print", {"background": False, "page": {"width": 21, "height": 29.7}})))

    def complaints(self) -> list[str]:
        """What the console said since it was asked last: errors, refusals by the content security policy."""
        entries = self._post("/se/log", {"type": "browser"})
        assert isinstance(entries, list)
        return [each["message"] for each in entries]

    def close(self) -> None:
        with contextlib.suppress(OSError):  # the driver may be gone
            self._send("DELETE", self._session)
        self._connection.close()


@contextlib.contextmanager
def opened_browser(profile: Path) -> Iterator[Browser]:
    """A browser whose profile is the empty folder. Fails where Chromium is not installed."""
    driver, binary = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or binary is None:
        raise AssertionError(INSTALL)
    with subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            browser = Browser(_port(process), [*FLAGS, f"--user-data-dir={profile}"], binary)
            try:
                yield browser
            finally:
                browser.close()
        finally:
            process.terminate()


def _port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    raise AssertionError("chromedriver ended before it named its port")
