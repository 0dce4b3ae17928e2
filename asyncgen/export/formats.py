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
LINES, PARQUET = ".jsonl", ".parquet"


@dataclass(frozen=True, slots=True)
class Format:
    """`to_row`: None for parquet, whose one column is `messages`.

    `file`: the name of one in a folder, made of `split`, `number` and `count` of a split's files; `{short}` is the
    split as mlx-lm calls it. `suffix`: of a path that names a single file, None where there is only a folder. `tags`:
    what the column, its fields and the roles are called, for LLaMA-Factory's dataset_info.json. `takes_metadata` and
    `takes_system`: whether its readers take further columns, and a system message.
    """

    name: str
    to_row: Callable[[Conversation], Row] | None
    file: str = "{short}.jsonl"
    suffix: str | None = LINES
    tags: Mapping[str, str] | None = None
    takes_metadata: bool = False
    takes_system: bool = True

    def name_file(self, split: Split, number: int = 0, count: int = 1) -> str:
        # `datasets` and all that stands on it takes valid.jsonl for validation, too.
        short = "valid" if split == "validation" else split
        return self.file.format(split=split, short=short, number=number, count=count)


_SHAREGPT_NAMES = {"system": "system", "user": "human", "assistant": "gpt"}


def as_gemini(conversation: Conversation) -> Row:
    system, turns = _part_system(conversation)
    contents = [
        {"role": "model" if each.role == "assistant" else each.role, "parts": [{"text": each.content}]}
        for each in turns
    ]
    return {**({"systemInstruction": {"parts": system}} if system else {}), "contents": contents}


def as_bedrock(conversation: Conversation) -> Row:
    system, turns = _part_system(conversation)
    return {
        "schemaVersion": "bedrock-conversation-2024",
        **({"system": system} if system else {}),
        "messages": [{"role": each.role, "content": [{"text": each.content}]} for each in turns],
    }


def _part_system(conversation: Conversation) -> tuple[list[dict[str, str]], Conversation]:
    """The system message as a list of one text, or of none, and the rest."""
    has_system = conversation[0].role == "system"
    return [{"text": each.content} for each in conversation[:has_system]], conversation[has_system:]


_TAGS = ("column", "role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag")
_MESSAGE_TAGS = dict(zip(_TAGS, ("messages", "role", "content", "user", "assistant", "system"), strict=True))
_SHAREGPT_TAGS = dict(zip(_TAGS, ("conversations", "from", "value", "human", "gpt", "system"), strict=True))

_ALL = (
    Format("messages", lambda each: {"messages": each}, tags=_MESSAGE_TAGS, takes_metadata=True),
    Format("openai", lambda each: {"messages": each}),
    Format(
        "sharegpt",
        lambda each: {"conversations": [{"from": _SHAREGPT_NAMES[one.role], "value": one.content} for one in each]},
        tags=_SHAREGPT_TAGS,
        takes_metadata=True,
    ),
    Format("prompt-completion", lambda each: {"prompt": each[:-1], "completion": each[-1:]}, takes_metadata=True),
    Format("gemini", as_gemini),
    Format("bedrock", as_bedrock),
    Format("arrays", lambda each: each, takes_system=False),
    Format("parquet", None, "{split}-{number:05}-of-{count:05}.parquet", PARQUET, takes_metadata=True),
    Format("nanochat", None, "default/{split}/{number:05}.parquet", None),
    Format("hub", None, "data/{split}-{number:05}-of-{count:05}.parquet", None, takes_metadata=True),
)
FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in _ALL})
