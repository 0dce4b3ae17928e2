"""Threads with requests: a connection and a dumped payload for each conversation, one file opened for each line."""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

WRITING = threading.Lock()


def ask(base_url: str, payload: dict[str, Any], output: Path) -> None:
    answer = requests.post(
        f"{base_url}/chat/completions", headers={"Authorization": "Bearer none"}, json=payload, timeout=300
    )
    answer.raise_for_status()
    messages = json.loads(answer.json()["choices"][0]["message"]["content"])["messages"]
    with WRITING, output.open("a") as file:
        file.write(json.dumps(messages) + "\n")


def run(base_url: str, payload: dict[str, Any], num: int, in_flight: int, output: Path) -> None:
    with ThreadPoolExecutor(in_flight) as pool:
        for asked in [pool.submit(ask, base_url, payload, output) for _ in range(num)]:
            asked.result()


if __name__ == "__main__":
    url, payload_file, number, at_once, written = sys.argv[1:]
    request = json.loads(Path(payload_file).read_bytes())
    run(url, request, int(number), int(at_once), Path(written))
