"""How long a conversation is for a trainer, which cuts or drops what is longer than it was told, mostly in silence."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from asyncgen.conversation import Conversation
from asyncgen.errors import ConfigError
from asyncgen.text import BYTES_A_TOKEN

CountTokens: TypeAlias = Callable[[Conversation], int]

TEMPLATE_TOKENS = 4  # that a chat template puts around a message
CUTS = {
    1024: "TRL cuts unless max_length says otherwise",
    2048: "nanochat, LLaMA-Factory (cutoff_len) and mlx-lm (max_seq_length) cut",
}
ESTIMATED = f"estimated, {BYTES_A_TOKEN} bytes each; --tokenizer counts them"


def estimate_tokens(conversation: Conversation) -> int:
    size = sum(len(each.content.encode()) for each in conversation)
    return -(-size // BYTES_A_TOKEN) + TEMPLATE_TOKENS * len(conversation)


def load_tokenizer(path: Path) -> CountTokens:
    """Counts with a tokenizer.json, or that of a model's folder. Raises ConfigError."""
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError(
            f"--tokenizer needs the library tokenizers: {sys.executable} -m pip install tokenizers "
            "(the extra asyncgen[tokenizer])"
        ) from None
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        tokenizer = Tokenizer.from_buffer(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"--tokenizer: {file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"--tokenizer: {file} is no tokenizer.json: {error}") from error
    tokenizer.no_truncation()

    def count(conversation: Conversation) -> int:
        encodings = tokenizer.encode_batch([each.content for each in conversation], add_special_tokens=False)
        return sum(len(each.ids) for each in encodings) + TEMPLATE_TOKENS * len(conversation)

    return count
