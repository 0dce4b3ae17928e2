"""One shard as a run: its part of what is planned, of money and of pace."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from asyncgen.command.main import main
from asyncgen.errors import ConfigError
from asyncgen.recipe.load import load_recipe
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.configure import configure_run
from asyncgen.runs.settings import Settings
from asyncgen.shards.plan import ShardFolder
from asyncgen.shards.shard import make_plan, of_shard


def config(**settings: object) -> GenerateConfig:
    return configure_run(load_recipe("nanochat"), Settings(provider="offline", num=5000, **settings), {})  # type: ignore[arg-type]


def shards(whole: GenerateConfig, at_once: int = 4) -> Sequence[GenerateConfig]:
    plan = make_plan(whole, 2048, at_once, ("data/x",))
    return [of_shard(whole, ShardFolder(Path("data/x")), plan, number) for number in range(3)]


def test_shards_make_all_that_is_planned() -> None:
    parts = [each.plan for each in shards(config())]
    assert [(each.first, each.num) for each in parts] == [(0, 2048), (2048, 2048), (4096, 904)]


def test_a_budget_is_shared_out_to_the_last_digit() -> None:
    whole = config(budget=Decimal("10.01"), price_in=Decimal(1), price_out=Decimal(1))
    parts = shards(whole)
    assert sum(each.plan.budget or 0 for each in parts) == Decimal("10.01")
    assert [each.plan.budget == Decimal("10.01") * each.share for each in parts] == [True] * 3
    assert all(each.continue_command.endswith(" --budget 10.01") for each in parts)


def test_rates_are_divided_by_the_shards_made_at_a_time() -> None:
    rates = [each.rates for each in shards(config(rpm=1001, tpm=90_000))]
    assert {(each.requests, each.tokens) for each in rates} == {(250, 22_500)}
    with pytest.raises(ConfigError, match="--rpm 3: expected 4 or more, for 4 shards at a time"):
        shards(config(rpm=3))


def test_a_shard_waits_for_an_orphan_of_its_own_and_is_named_when_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert all(each.patience > 0 for each in shards(config()))
    monkeypatch.chdir(tmp_path)
    main(["shards", "x", "-n", "2050", "--size", "2048", "--provider", "offline"])
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("ASYNCGEN_COMMAND", "asyncgen generate --shard auto -o x --budget 0.1")
    main(["generate", "--shard", "auto", "-o", "x", "--price-in", "1", "--price-out", "1", "--budget", "0.000001"])
    assert "asyncgen generate --shard 1/2 -o x --budget" in capfd.readouterr().err
