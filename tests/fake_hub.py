"""A hub on loopback that knows data sets and their files, as far as an upload asks for them."""

import base64
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hf_SecretOfTheTests"


@dataclass
class FakeHub:
    """`private`: by data set. `files`: by data set and path. `refuse`: the status of every answer, if one is given."""

    address: str = ""
    private: dict[str, bool] = field(default_factory=dict)
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    refuse: int | None = None

    def answer(self, path: str, body: bytes) -> Any:
        """The JSON of an answer, None for a 404."""
        place = path.partition("?")[0].split("/")[2:]  # behind "/api"
        if place == ["repos", "create"]:
            return self._create(json.loads(body))
        if place == ["validate-yaml"]:
            return {"errors": [], "warnings": []}
        repository = "/".join(place[1:3])
        if repository not in self.files:
            return None
        answers: dict[str, Callable[[], Any]] = {
            "": lambda: self._describe(repository),
            "revision": lambda: self._describe(repository),
            "tree": lambda: self._list(repository),
            "paths-info": list,
            "preupload": lambda: _take_as_they_are(json.loads(body)),
            "commit": lambda: self._commit(repository, body),
        }
        answer = answers.get("".join(place[3:4]))
        return None if answer is None else answer()

    def _create(self, asked: Any) -> Any:
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        self.private.setdefault(name, asked.get("private", asked.get("visibility") == "private"))
        self.files.setdefault(name, {})
        return {"url": f"{self.address}/datasets/{name}", "name": name}

    def _list(self, repository: str) -> Any:
        files = self.files[repository].items()
        return [{"type": "file", "path": path, "size": len(content), "oid": "0" * 40} for path, content in files]

    def _describe(self, repository: str) -> Any:
        siblings = [{"rfilename": each} for each in self.files[repository]]
        private = self.private[repository]
        return {"id": repository, "private": private, "sha": "0" * 40, "siblings": siblings, "tags": [], "downloads": 0}

    def _commit(self, repository: str, body: bytes) -> Any:
        for line in body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                self.files[repository][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "deletedFile":
                del self.files[repository][value["path"]]
        address = f"{self.address}/datasets/{repository}/commit/{'1' * 40}"
        return {"commitUrl": address, "commitOid": "1" * 40, "success": True}


def _take_as_they_are(asked: Any) -> Any:
    """No file goes to a store of its own."""
    paths = [each["path"] for each in asked["files"]]
    return {"files": [{"path": path, "uploadMode": "regular", "shouldIgnore": False} for path in paths]}


@contextlib.contextmanager
def running_hub() -> Iterator[FakeHub]:
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            hub.tokens.add(self.headers.get("Authorization", ""))
            told = {"error": "no"} if hub.refuse else hub.answer(self.path, body)
            status = hub.refuse or (404 if told is None else 200)
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
