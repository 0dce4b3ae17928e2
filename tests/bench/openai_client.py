"""The simplest thing a user would write: AsyncOpenAI, a semaphore, and one gather over everything."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI


async def ask(client: AsyncOpenAI, places: asyncio.Semaphore, payload: dict[str, Any], output: Path) -> None:
    async with places:
        completion = await client.chat.completions.create(**payload)
    messages = json.loads(completion.choices[0].message.content or "")["messages"]
    with output.open("a") as file:
        file.write(json.dumps(messages) + "\n")


async def run(base_url: str, payload: dict[str, Any], num: int, in_flight: int, output: Path) -> None:
    places = asyncio.Semaphore(in_flight)
    async with AsyncOpenAI(base_url=base_url, api_key="none", timeout=300) as client:
        await asyncio.gather(*(ask(client, places, payload, output) for _ in range(num)))


if __name__ == "__main__":
    url, payload_file, number, at_once, written = sys.argv[1:]
    request = json.loads(Path(payload_file).read_bytes())
    asyncio.run(run(url, request, int(number), int(at_once), Path(written)))
