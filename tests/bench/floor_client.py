"""The floor: an aiohttp session on uvloop that posts the same bytes again and again and reads what comes back.

It makes nothing, checks nothing and keeps nothing. Every setting that saves time is taken: workers instead of a task
for each request, no cookies, no deadline, no automatic headers, a collector that seldom runs.
"""

import argparse
import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import uvloop
from yarl import URL


async def work(session: aiohttp.ClientSession, url: URL, payload: bytes, numbers: Iterator[int]) -> None:
    for _ in numbers:
        async with session.post(url, data=payload, allow_redirects=False) as response:
            await response.read()


async def run(base_url: str, payload: bytes, num: int, in_flight: int) -> None:
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Content-Type": "application/json", "Authorization": "Bearer none"},
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
    )
    numbers = iter(range(num))
    async with session, asyncio.TaskGroup() as workers:
        url = URL(f"{base_url}/chat/completions")
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        for _ in range(in_flight):
            workers.create_task(work(session, url, payload, numbers))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("payload", type=Path)
    parser.add_argument("num", type=int)
    parser.add_argument("in_flight", type=int)
    given = parser.parse_args()
    uvloop.run(run(given.base_url, given.payload.read_bytes(), given.num, given.in_flight))
