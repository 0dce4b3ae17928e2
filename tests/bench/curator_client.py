"""bespokelabs-curator over an OpenAI-compatible endpoint, as its documentation shows it."""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.update(TELEMETRY_ENABLED="0", CURATOR_VIEWER="0", HF_HUB_OFFLINE="1", OPENAI_API_KEY="none")

from bespokelabs import curator


class Conversations(curator.LLM):  # type: ignore[misc]
    def prompt(self, row: dict[str, Any]) -> list[dict[str, str]]:
        return json.loads(row["messages"])  # type: ignore[no-any-return]

    def parse(self, row: dict[str, Any], response: str) -> dict[str, Any]:
        return {"messages": json.dumps(json.loads(response)["messages"])}


def run(base_url: str, payload: dict[str, Any], num: int, in_flight: int, output: Path) -> None:
    writer = Conversations(
        model_name="gpt-4o-mini",
        backend="openai",
        backend_params={
            "base_url": base_url,
            "max_concurrent_requests": in_flight,
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 100_000_000_000,
        },
    )
    messages = json.dumps(payload["messages"])
    made = writer([{"messages": messages, "number": number} for number in range(num)])
    made.dataset.to_json(output)


if __name__ == "__main__":
    url, payload_file, number, at_once, written = sys.argv[1:]
    os.environ["CURATOR_CACHE_DIR"] = tempfile.mkdtemp()
    request = json.loads(Path(payload_file).read_bytes())
    run(url, request, int(number), int(at_once), Path(written))
