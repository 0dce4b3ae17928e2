"""What batches are like at each provider, as data: the form of the calls, how much fits, what is told, what left out.

Rules are found by the host of an address, so that they hold for --base-url, too; else by the preset's name; and an
address that nobody knows is taken to speak as OpenAI does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from asyncgen.endpoint.presets import Endpoint
from asyncgen.errors import ConfigError

BatchForm: TypeAlias = Literal["files", "inline", "folder"]

MEGABYTE = 1_000_000
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class BatchRules:
    """How an endpoint takes batches.

    `files`: the requests are a file that is uploaded, then named when a batch is made; `inline`: they are in the call
    that makes it; `folder`: they are a file in a folder, whose results somebody puts beside it. `has_label`: a batch
    and the list of them tell the label that it was made with. `lists` and `cancels`: whether there is such a call.
    `appears_within`: seconds in which a batch that was made is surely in the list. `strips`: fields of a live request
    that a line goes without. `carries`: fields of a request that the batch takes instead of its lines, by dotted names.
    """

    form: BatchForm = "files"
    max_bytes: int = 200 * MEGABYTE
    max_requests: int = 50_000
    has_label: bool = True
    lists: bool = True
    cancels: bool = True
    appears_within: float = 2 * MINUTE
    strips: frozenset[str] = frozenset({"stream"})
    carries: frozenset[str] = frozenset()
    window: str | None = "24h"
    upload_path: str = "/files"
    purpose: str = "batch"
    paths: tuple[str, ...] = ("/batches",)
    line: Mapping[str, str] = field(default_factory=lambda: {"method": "POST", "url": "/v1/chat/completions"})


OPENAI = BatchRules()
OPENROUTER = BatchRules(
    form="inline",
    max_requests=5_000,
    has_label=False,
    cancels=False,
    appears_within=5 * MINUTE,
    strips=frozenset({"stream", "provider", "session_id"}),
    carries=frozenset({"provider.only"}),
    paths=("/batches", "/../beta/batches"),
)
FOLDER = BatchRules(form="folder", lists=True, cancels=False, appears_within=0.0)


def rules_of(endpoint: Endpoint) -> BatchRules:
    """How this endpoint takes batches. Raises ConfigError where it takes none."""
    if endpoint.provider.name in ("ollama", "llamacpp"):
        raise ConfigError(f"--batch: {endpoint.provider.name} has no batches; run without --batch")
    return OPENROUTER if "openrouter" in (endpoint.provider.name, *endpoint.host.split(".")) else OPENAI
