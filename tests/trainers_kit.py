"""What the tests that run trainers' own code share: a tokenizer made by hand, and single modules of large packages.

Nothing here is imported at the top that `make check` does not install.
"""

import importlib
import importlib.machinery
import sys
import types
from pathlib import Path
from typing import Any

import pytest

# ChatML, with the marks by which TRL knows what the assistant says.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] }}<|im_end|>{% endgeneration %}"
    "{% else %}{{ message['content'] }}<|im_end|>{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def need(name: str) -> Any:
    """The module, or the end of the test."""
    return pytest.importorskip(name, exc_type=ImportError)


def make_tokenizer(folder: Path) -> Path:
    """A tokenizer.json with a token for each byte."""
    tokenizers = need("tokenizers")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<|im_start|>", "<|im_end|>", *alphabet])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def load_chat_tokenizer(folder: Path) -> Any:
    fast = need("transformers").PreTrainedTokenizerFast
    tokenizer = fast(tokenizer_file=str(make_tokenizer(folder)), eos_token="<|im_end|>", pad_token="<|im_end|>")
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def import_alone(package: str, *modules: str) -> list[Any]:
    """Modules of a package of which nothing else is wanted: its `__init__` files, which want everything, do not run."""
    found = importlib.machinery.PathFinder.find_spec(package)
    if found is None or found.submodule_search_locations is None:
        pytest.skip(f"{package} is not installed")
    root = Path(found.submodule_search_locations[0])
    for folder in {"", *(module.rpartition(".")[0] for module in modules)}:
        name = f"{package}.{folder}".rstrip(".")
        bare = types.ModuleType(name)
        bare.__path__ = [str(root / folder)]
        sys.modules.setdefault(name, bare)
    return [importlib.import_module(f"{package}.{module}") for module in modules]
