"""An endpoint that is a process of its own and writes down every answer it is about to send.

Its ledger is the truth that `torture` holds a run's files against. A line of it is written in one piece before the
answer leaves, so that no answer can be received without being in it.
"""

import argparse
import asyncio
import os
import random
import re
from pathlib import Path

import msgspec
from aiohttp import web

NUMBER = re.compile(r"no\. (\d+)")
LONGEST = 0.04  # seconds an answer takes
UNUSABLE = 0.05  # share of the answers that are no conversation
REFUSED = 0.02  # share of the requests that get no answer but a 503


class Answer(msgspec.Struct, frozen=True):
    """A 200. `run`: the process that asked; `number`: what its scenario was about; `text` is in no other answer."""

    run: int
    number: int
    text: str
    is_usable: bool


class Server:
    def __init__(self, ledger: Path, seed: int) -> None:
        self._ledger = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._random = random.Random(seed)
        self._answers = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        await asyncio.sleep(self._random.uniform(0, LONGEST))
        if self._random.random() < REFUSED:
            return web.json_response({"error": {"message": "busy", "code": 503}}, status=503)
        self._answers += 1
        found = NUMBER.search(body["messages"][-1]["content"])
        assert found
        answer = Answer(
            run=int(request.match_info["run"]),
            number=int(found[1]),
            text=f"answer {self._answers} of {self._random.getrandbits(64):016x}",
            is_usable=self._random.random() >= UNUSABLE,
        )
        os.write(self._ledger, msgspec.json.encode(answer) + b"\n")
        return web.json_response(_completion(answer))

    async def serve(self) -> None:
        app = web.Application()
        app.router.add_post("/{run}/v1/chat/completions", self.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)  # noqa: T201
        await asyncio.Event().wait()


def _completion(answer: Answer) -> dict[str, object]:
    messages = [
        {"role": "user", "content": f"What about no. {answer.number}?"},
        {"role": "assistant", "content": answer.text},
    ]
    content = msgspec.json.encode({"messages": messages}).decode() if answer.is_usable else f"Sorry: {answer.text}"
    return {
        "id": answer.text,
        "model": "fake",
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(Server(arguments.ledger, arguments.seed).serve())
