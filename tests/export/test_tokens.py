import sys
from pathlib import Path

import pytest
from exports import talk
from quick import each_row

from asyncgen.conversation import Message
from asyncgen.errors import ConfigError
from asyncgen.export.tokens import TEMPLATE_TOKENS, estimate_tokens, load_tokenizer


@each_row(("text", "tokens"), [("", 0), ("abcd", 1), ("abcde", 2), ("\u00e4\u00f6", 1), ("\U0001f600" * 8, 8)])
def test_tokens_are_estimated_by_bytes_and_messages(text: str, tokens: int) -> None:
    assert estimate_tokens((Message("user", text), Message("assistant", ""))) == tokens + 2 * TEMPLATE_TOKENS


def test_a_longer_talk_has_more_tokens() -> None:
    assert estimate_tokens(talk(0, turns=2)) > estimate_tokens(talk(0))


def test_without_the_library_there_is_one_sentence_with_the_line_to_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ConfigError, match=r"-m pip install tokenizers \(the extra asyncgen\[tokenizer\]\)"):
        load_tokenizer(tmp_path)
