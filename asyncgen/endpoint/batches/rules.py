"""What batches are like at each provider, as data: the form of the calls, how much fits, what is told, what left out.

Rules are found by the host of an address, so that they hold for --base-url, too; else by the preset's name; and an
address that nobody knows is taken to speak as OpenAI does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from asyncgen.endpoint.presets import Endpoint
from asyncgen.endpoint.tiers import SERVICE_TIER
from asyncgen.errors import ConfigError
from asyncgen.recipe.recipe import JsonValue

BatchForm: TypeAlias = Literal["files", "inline", "folder"]

MEGABYTE = 1_000_000
MINUTE = 60.0
CHAT = "/v1/chat/completions"
# In what is told of a file and what makes a batch, these stand for the file's name and id, the model and the label.
NAME, FILE, MODEL, LABELLED = "{name}", "{file}", "{model}", "{label}"
# By a header of its answers, what a gateway is told with a create, and keeps to itself: not to repeat it, or there are
# three batches that all run and are billed when the answer to it gets lost behind the gateway.
GATEWAYS: Mapping[str, Mapping[str, JsonValue]] = {"x-litellm-version": {"max_retries": 0}}
LABEL = "asyncgen"  # the key under which an endpoint keeps a label


@dataclass(frozen=True, slots=True)
class BatchRules:
    """How an endpoint takes batches.

    `files`: the requests are a file that is uploaded, then named when a batch is made; `inline`: they are in the call
    that makes it; `folder`: they are a file in a folder, whose results somebody puts beside it. `has_label`: a batch
    and the list of them tell the label that it was made with. `cancels`: whether there is such a call.
    `appears_within`: seconds in which a batch that was made is surely in the list.

    Of a live request, `strips` are the fields that a line goes without. Of these, by dotted names, `carries` are those
    that the batch takes as a whole, and `drops` what nobody misses: asyncgen has added it, or it is the service tier,
    for a batch is one by itself. `line`: what a line says beside its id and body.

    `files`: where files are, `upload_tail`: behind that, where they go; `upload`: what is told of one. `paths`: where
    batches are, the second one where the first leads nowhere. `create`: what makes one. `cancel`: behind its id, what
    ends it. `limit`: how the size of a page of the list is called, `cursor`: how it goes on behind one. `results`:
    where results are paged instead of being files.
    """

    form: BatchForm = "files"
    max_bytes: int = 200 * MEGABYTE
    max_requests: int = 50_000
    has_label: bool = True
    cancels: bool = True
    appears_within: float = 2 * MINUTE
    strips: frozenset[str] = frozenset({"stream", SERVICE_TIER})
    carries: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset({"stream", SERVICE_TIER})
    line: Mapping[str, str] = field(default_factory=lambda: {"method": "POST", "url": CHAT})
    files: str = "/files"
    upload_tail: str = ""
    upload: Mapping[str, str] = field(default_factory=lambda: {"purpose": "batch"})
    paths: tuple[str, ...] = ("/batches",)
    create: Mapping[str, JsonValue] = field(
        default_factory=lambda: {
            "input_file_id": FILE,
            "endpoint": CHAT,
            "completion_window": "24h",
            "metadata": {LABEL: LABELLED},
        }
    )
    cancel: str = "/cancel"
    limit: str = "limit"
    cursor: Literal["after", "pagination_token", "page"] = "after"
    results: str = ""


OPENAI = BatchRules()
_BARE: Mapping[str, str] = {}  # lines that are an id and a body
_UNLABELLED: Mapping[str, JsonValue] = {"input_file_id": FILE, "endpoint": CHAT, "completion_window": "24h"}
OPENROUTER = BatchRules(
    form="inline",
    max_requests=5_000,
    has_label=False,
    cancels=False,
    appears_within=5 * MINUTE,
    strips=frozenset({"stream", SERVICE_TIER, "provider", "session_id"}),
    carries=frozenset({"provider.only"}),
    drops=frozenset({"stream", SERVICE_TIER, "provider.require_parameters", "session_id"}),
    line=_BARE,
    paths=("/batches", "/../beta/batches"),
    create={"endpoint": CHAT, "model": MODEL, "completion_window": "24h"},
)
_AZURE = BatchRules(max_requests=100_000)
# Addresses with ?api-version= and maybe a deployment: its files and batches belong to the resource.
_AZURE_DATED = replace(
    _AZURE,
    line={"method": "POST", "url": "/chat/completions"},
    create={**OPENAI.create, "endpoint": "/chat/completions"},
)
_TOGETHER = BatchRules(
    max_bytes=100 * MEGABYTE,
    has_label=False,
    line=_BARE,
    upload_tail="/upload",
    upload={"purpose": "batch-api", "file_name": NAME, "file_type": "jsonl"},
    create=_UNLABELLED,
)
_NOVITA = BatchRules(has_label=False, line=_BARE, create={**_UNLABELLED, "completion_window": "48h"})
_MISTRAL = BatchRules(
    max_bytes=512 * MEGABYTE,
    max_requests=1_000_000,
    line=_BARE,
    paths=("/batch/jobs",),
    create={
        "input_files": [FILE],
        "model": MODEL,
        "endpoint": CHAT,
        "timeout_hours": 24,
        "metadata": {LABEL: LABELLED},
    },
    limit="page_size",
    cursor="page",
)
_XAI = BatchRules(
    upload={},
    create={"input_file_id": FILE, "name": LABELLED},
    cancel=":cancel",
    cursor="pagination_token",
    results="/results",
)
FOLDER = BatchRules(form="folder", max_bytes=1000 * MEGABYTE, cancels=False, appears_within=0.0)

_FOLDER_ADVICE = "; --batch-files DIR writes the files that `vllm run-batch` takes"
# By the end of a host's name; text says why there are none that are spoken here. Not named are those of whom no
# deviation is known: OpenAI, DeepInfra, Doubleword, Nebius, Alibaba, LiteLLM's proxy, LLM Gateway.
BY_HOST: Mapping[str, BatchRules | str] = {
    "openrouter.ai": OPENROUTER,
    ".azure.com": _AZURE,
    ".azure.us": _AZURE,
    ".azure.cn": _AZURE,
    "api.groq.com": BatchRules(max_bytes=100 * MEGABYTE),
    "api.together.ai": _TOGETHER,
    "api.together.xyz": _TOGETHER,
    "api.novita.ai": _NOVITA,
    "api.parasail.io": BatchRules(max_bytes=500 * MEGABYTE),
    "api.mistral.ai": _MISTRAL,
    "api.x.ai": _XAI,
    "fireworks.ai": "Fireworks takes data sets of an account instead of files, by calls that are not spoken here",
    "generativelanguage.googleapis.com": "Gemini takes files by calls of its own, which are not spoken here",
    "aiplatform.googleapis.com": "Vertex AI takes files from a bucket, by calls that are not spoken here",
    "api.anthropic.com": "Anthropic takes messages in a form of its own, which is not spoken here",
    "hyperbolic.xyz": "Hyperbolic has no batches",
}
_BY_PRESET: Mapping[str, BatchRules | str] = {
    "openrouter": OPENROUTER,
    "ollama": f"Ollama has no batches{_FOLDER_ADVICE}",
    "llamacpp": f"llama.cpp has no batches{_FOLDER_ADVICE}",
    "vllm": f"a server of vLLM has no batches{_FOLDER_ADVICE}",
}


def rules_of(endpoint: Endpoint) -> BatchRules:
    """How this endpoint takes batches. Raises ConfigError where it takes none that are spoken here."""
    by_host = next((rules for name, rules in BY_HOST.items() if endpoint.host.endswith(name)), None)
    rules = by_host or _BY_PRESET.get(endpoint.provider.name, OPENAI)
    if isinstance(rules, str):
        raise ConfigError(f"--batch: {rules}; without --batch, the same run is made of live calls")
    address = urlsplit(endpoint.base_url)
    if rules is not _AZURE or not address.query or address.path.endswith("/v1"):
        return rules
    up = "/../.." if "/deployments/" in address.path else ""
    return replace(_AZURE_DATED, files=f"{up}/files", paths=(f"{up}/batches",))
