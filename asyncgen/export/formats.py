"""The formats as data: what a row looks like, which files there are, what a row may hold.

`messages` is what nearly everybody reads; every other format is a projection of it. A conversation that comes here
has passed the checks: perhaps a system message, then user and assistant in turn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from asyncgen.conversation import Conversation

Row: TypeAlias = dict[str, object] | Conversation
Split: TypeAlias = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
# As mlx-lm wants them; `datasets` and all that stands on it takes valid.jsonl for validation, too.
_LINE_NAMES: Mapping[str, str] = MappingProxyType(
    {"train": "train.jsonl", "validation": "valid.jsonl", "test": "test.jsonl"}
)
LINE_SUFFIXES = frozenset({".jsonl", ".json"})
PARQUET_SUFFIXES = frozenset({".parquet"})


@dataclass(frozen=True, slots=True)
class Format:
    """`to_row`: None for parquet, whose one column is `messages`. `suffixes`: of a path that names a single file.

    `name_file`: within the folder, by split, number and count of the files of a split. `tags`: what a column and its
    roles are called, for LLaMA-Factory's dataset_info.json. `takes_metadata` and `takes_system`: whether its readers
    take further columns, and a system message.
    """

    name: str
    purpose: str
    to_row: Callable[[Conversation], Row] | None
    suffixes: frozenset[str]
    name_file: Callable[[Split, int, int], str]
    tags: Mapping[str, str] | None = None
    takes_metadata: bool = False
    takes_system: bool = True


# ---- rows


def _as_messages(conversation: Conversation) -> Row:
    return {"messages": conversation}


_SHAREGPT_NAMES = {"system": "system", "user": "human", "assistant": "gpt"}


def _as_sharegpt(conversation: Conversation) -> Row:
    turns = [{"from": _SHAREGPT_NAMES[each.role], "value": each.content} for each in conversation]
    return {"conversations": turns}


def _as_prompt_completion(conversation: Conversation) -> Row:
    return {"prompt": conversation[:-1], "completion": conversation[-1:]}


def _as_gemini(conversation: Conversation) -> Row:
    system, turns = _part_system(conversation)
    contents = [
        {"role": "model" if each.role == "assistant" else each.role, "parts": [{"text": each.content}]}
        for each in turns
    ]
    return (
        {"contents": contents} if system is None else {"systemInstruction": {"parts": [system]}, "contents": contents}
    )


def _as_bedrock(conversation: Conversation) -> Row:
    system, turns = _part_system(conversation)
    return {
        "schemaVersion": "bedrock-conversation-2024",
        **({} if system is None else {"system": [system]}),
        "messages": [{"role": each.role, "content": [{"text": each.content}]} for each in turns],
    }


def _as_array(conversation: Conversation) -> Row:
    return conversation


def _part_system(conversation: Conversation) -> tuple[dict[str, str] | None, Conversation]:
    if conversation[0].role != "system":
        return None, conversation
    return {"text": conversation[0].content}, conversation[1:]


# ---- files


def _name_lines(split: Split, _number: int, _count: int) -> str:
    return _LINE_NAMES[split]


def _name_shard(split: Split, number: int, count: int) -> str:
    return f"{split}-{number:05}-of-{count:05}.parquet"


def _name_hub_shard(split: Split, number: int, count: int) -> str:
    return f"data/{_name_shard(split, number, count)}"


def _name_nanochat_shard(split: Split, number: int, _count: int) -> str:
    return f"default/{split}/{number:05}.parquet"


_MESSAGE_TAGS = {
    "column": "messages",
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}
_SHAREGPT_TAGS = {
    "column": "conversations",
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "system_tag": "system",
}


_ALL = (
    Format(
        "messages",
        "TRL, axolotl, LLaMA-Factory, torchtune, mlx-lm, unsloth, Together, Fireworks, Mistral",
        _as_messages,
        LINE_SUFFIXES,
        _name_lines,
        tags=_MESSAGE_TAGS,
        takes_metadata=True,
    ),
    Format("openai", "OpenAI: messages and nothing else", _as_messages, LINE_SUFFIXES, _name_lines),
    Format(
        "sharegpt",
        "human and gpt, for older loaders",
        _as_sharegpt,
        LINE_SUFFIXES,
        _name_lines,
        tags=_SHAREGPT_TAGS,
        takes_metadata=True,
    ),
    Format(
        "prompt-completion",
        "the last answer alone is trained on",
        _as_prompt_completion,
        LINE_SUFFIXES,
        _name_lines,
        takes_metadata=True,
    ),
    Format("gemini", "Gemini on Vertex", _as_gemini, LINE_SUFFIXES, _name_lines),
    Format("bedrock", "Amazon Bedrock", _as_bedrock, LINE_SUFFIXES, _name_lines),
    Format(
        "arrays",
        "bare lists, as nanochat read them until July 2026",
        _as_array,
        LINE_SUFFIXES,
        _name_lines,
        takes_system=False,
    ),
    Format("parquet", "messages as parquet", None, PARQUET_SUFFIXES, _name_shard, takes_metadata=True),
    Format("nanochat", "parquet and manifest, for nanochat's cache folder", None, frozenset(), _name_nanochat_shard),
    Format(
        "hub", "a folder with data card, for huggingface.co", None, frozenset(), _name_hub_shard, takes_metadata=True
    ),
)
FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in _ALL})
