import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.audit.rules import MAX_EVIDENCE, PHRASE_RULES, RULES, AuditSettings, check_rule_names, excerpt
from asyncgen.errors import ConfigError
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import AuditOptions

NANOCHAT = load_recipe("nanochat")


def test_every_rule_stands_under_its_own_name_in_kebab_case() -> None:
    assert [rule.name for rule in RULES.values()] == list(RULES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in RULES)
    assert set(PHRASE_RULES) <= set(RULES)


def test_without_a_recipe_all_rules_are_on() -> None:
    assert AuditSettings.of(None) == AuditSettings(frozenset(), {}) == AuditSettings.of(NANOCHAT)


def test_a_recipe_switches_rules_off_and_adds_phrases() -> None:
    options = AuditOptions(off=("markdown", "email"), phrases={"prompt-leak": ("as my notes say",)})
    settings = AuditSettings.of(replace(NANOCHAT, audit=options))
    assert settings.off == {"markdown", "email"}
    assert settings.phrases == {"prompt-leak": ("as my notes say",)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            AuditOptions(off=("markup",)),
            "nanochat: audit.off[0]: no such rule: 'markup'; expected one of near",
        ),
        (
            AuditOptions(phrases={"email": ("at example",)}),
            "audit.phrases.email: no such rule: 'email'; expected one of prompt-leak, ai-disclaimer",
        ),
    ],
)
def test_a_name_that_is_no_rules_is_refused_with_all_that_are(options: AuditOptions, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        AuditSettings.of(replace(NANOCHAT, audit=options))


def test_names_of_flags_are_checked_alike() -> None:
    check_rule_names("--drop", ["email", "secret"])
    with pytest.raises(ConfigError, match=r"--drop: no such rule: 'emial'; expected one of .*email"):
        check_rule_names("--drop", ["email", "emial"])
    with pytest.raises(
        ConfigError, match=r"--drop email,secret: .* one rule at a time; write --drop email --drop secret$"
    ):
        check_rule_names("--drop", ["email,secret"])
    with pytest.raises(ConfigError, match=r"write --finding email$"):
        check_rule_names("--finding", ["email,secret"], may_repeat=False)


@given(st.text(max_size=400), st.integers(0, 400), st.integers(0, 400))
def test_an_excerpt_is_one_short_line(text: str, start: int, length: int) -> None:
    piece = excerpt(text, start, start + length)
    assert len(piece) <= MAX_EVIDENCE
    assert piece == " ".join(piece.split())


@given(st.text("ab ", max_size=300), st.text("xyz", min_size=1, max_size=100), st.text("ab ", max_size=300))
def test_an_excerpt_holds_what_was_found(before: str, found: str, after: str) -> None:
    assert found in excerpt(before + found + after, len(before), len(before) + len(found))


def test_an_excerpt_says_where_text_is_left_out() -> None:
    assert excerpt("short\nenough") == "short enough"
    assert excerpt("a" * 200) == "a" * 117 + "..."
    assert excerpt("a" * 200 + "b", 200, 201) == "..." + "a" * 116 + "b"
    middle = excerpt("a" * 200 + "b" + "a" * 200, 200, 201)
    assert middle.startswith("...a")
    assert middle.endswith("a...")
