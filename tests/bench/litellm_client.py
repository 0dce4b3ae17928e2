"""litellm's asynchronous completion under a semaphore."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import litellm


async def ask(base_url: str, places: asyncio.Semaphore, payload: dict[str, Any], output: Path) -> None:
    async with places:
        completion = await litellm.acompletion(
            **{**payload, "model": "openai/m"}, api_base=base_url, api_key="none", timeout=300
        )
    messages = json.loads(completion.choices[0].message.content)["messages"]
    with output.open("a") as file:
        file.write(json.dumps(messages) + "\n")


async def run(base_url: str, payload: dict[str, Any], num: int, in_flight: int, output: Path) -> None:
    places = asyncio.Semaphore(in_flight)
    await asyncio.gather(*(ask(base_url, places, payload, output) for _ in range(num)))


if __name__ == "__main__":
    url, payload_file, number, at_once, written = sys.argv[1:]
    request = json.loads(Path(payload_file).read_bytes())
    asyncio.run(run(url, request, int(number), int(at_once), Path(written)))
