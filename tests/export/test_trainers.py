"""Each format read by the code of those who train on it; `make check-trainers` installs that."""

import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from exports import export, rows, talk, write_run
from trainers_kit import import_alone, load_chat_tokenizer, make_tokenizer, need

from asyncgen.conversation import Conversation, Message
from asyncgen.export.tokens import TEMPLATE_TOKENS, load_tokenizer
from asyncgen.output.paths import OutputPaths

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("default"), pytest.mark.timeout(300, method="thread")]
SYSTEM = "You are Ada."
TALKS = [talk(number, turns=1 + number % 3) for number in range(60)]
HALVES = {"train": 0.7, "validation": 0.2, "test": 0.1}


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return write_run(tmp_path / "x.jsonl", TALKS)


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    datasets = need("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    return datasets


def as_dicts(conversation: Conversation) -> list[dict[str, str]]:
    return [{"role": each.role, "content": each.content} for each in conversation]


def expected(*, system: str | None = None) -> list[list[dict[str, str]]]:
    first = () if system is None else (Message("system", system),)
    return [as_dicts((*first, *each)) for each in TALKS]


def messages_feature(datasets: Any) -> Any:
    text = datasets.Value("string")
    return datasets.List({"role": text, "content": text})


# ---- datasets, on which TRL, axolotl, LLaMA-Factory, ms-swift, unsloth and torchtune stand


@pytest.mark.parametrize("to", ["messages", "openai"])
def test_datasets_takes_lines_of_messages(to: str, paths: OutputPaths, tmp_path: Path, datasets: Any) -> None:
    export(paths.output, tmp_path / "made.jsonl", to, system=SYSTEM)
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "made.jsonl"), split="train")
    assert loaded.features["messages"] == messages_feature(datasets)
    assert list(loaded["messages"]) == expected(system=SYSTEM)


@pytest.mark.parametrize("to", ["sharegpt", "prompt-completion", "gemini", "bedrock"])
def test_datasets_takes_every_other_format_of_objects(
    to: str, paths: OutputPaths, tmp_path: Path, datasets: Any
) -> None:
    export(paths.output, tmp_path / "made.jsonl", to, system=SYSTEM)
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "made.jsonl"), split="train")
    assert [dict(each) for each in loaded] == rows(tmp_path / "made.jsonl")


@pytest.mark.parametrize("to", ["messages", "parquet"])
def test_datasets_types_the_columns_of_metadata(to: str, paths: OutputPaths, tmp_path: Path, datasets: Any) -> None:
    path = tmp_path / f"made.{'parquet' if to == 'parquet' else 'jsonl'}"
    export(paths.output, path, to, metadata=True)
    builder = "parquet" if to == "parquet" else "json"
    loaded = datasets.load_dataset(builder, data_files=str(path), split="train")
    text = datasets.Value("string")
    assert dict(loaded.features) == {
        "messages": messages_feature(datasets),
        "conversation_id": text,
        "index": datasets.Value("int64"),
        "topic": text,
        "persona": text,
        "openers": datasets.List(text),
        "model": text,
    }
    assert list(loaded["index"]) == list(reversed(range(60)))


@pytest.mark.parametrize(
    ("to", "more"), [("messages", {}), ("sharegpt", {}), ("parquet", {}), ("hub", {"licence": "mit"})]
)
def test_datasets_takes_a_folder_with_its_splits(
    to: str, more: dict[str, Any], paths: OutputPaths, tmp_path: Path, datasets: Any
) -> None:
    result = export(paths.output, tmp_path / "made", to, splits=HALVES, **more)
    loaded = datasets.load_dataset(str(tmp_path / "made"))
    assert {split: len(each) for split, each in loaded.items()} == dict(
        zip(("train", "validation", "test"), result.files.values(), strict=True)
    )
    sides = [each for split in loaded.values() for each in split[next(iter(split.features))]]
    assert len(sides) == 60


# ---- parquet


def test_parquet_has_one_schema_small_groups_and_the_same_bytes_each_time(paths: OutputPaths, tmp_path: Path) -> None:
    parquet = need("pyarrow.parquet")
    for name in ("a.parquet", "b.parquet"):
        export(paths.output, tmp_path / name, "parquet", metadata=True)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    file = parquet.ParquetFile(tmp_path / "a.parquet")
    assert str(file.schema_arrow.field("messages").type) == "list<element: struct<role: string, content: string>>"
    column = file.metadata.row_group(0).column(0)
    assert (column.compression, column.has_offset_index) == ("ZSTD", True)
    export(paths.output, tmp_path / "foreign.parquet", "parquet")
    assert parquet.read_schema(tmp_path / "foreign.parquet").field("messages") == file.schema_arrow.field("messages")


def test_parquet_is_written_in_shards_and_groups(
    paths: OutputPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = need("pyarrow.parquet")
    writer = need("asyncgen.export.parquet")
    monkeypatch.setattr(writer, "ROWS_PER_GROUP", 10)
    monkeypatch.setattr(writer, "BYTES_PER_SHARD", 300)
    result = export(paths.output, tmp_path / "made", "parquet")
    names = [each.name for each in result.files]
    assert names == [f"train-{number:05}-of-{len(names):05}.parquet" for number in range(len(names))]
    assert len(names) > 2
    tables = [parquet.read_table(path) for path in result.files]
    assert [len(each) for each in tables] == list(result.files.values())
    assert [each for table in tables for each in table["messages"].to_pylist()] == expected()
    export(paths.output, tmp_path / "made.parquet", "parquet")
    assert parquet.ParquetFile(tmp_path / "made.parquet").num_row_groups == 6


def test_polars_takes_lines_and_parquet(paths: OutputPaths, tmp_path: Path) -> None:
    polars = need("polars")
    export(paths.output, tmp_path / "made.jsonl", metadata=True)
    export(paths.output, tmp_path / "made.parquet", "parquet", metadata=True)
    lines, parquet = polars.read_ndjson(tmp_path / "made.jsonl"), polars.read_parquet(tmp_path / "made.parquet")
    assert lines["messages"].to_list() == parquet["messages"].to_list() == expected()


# ---- nanochat


def test_nanochat_reads_it_from_its_cache_without_network(
    paths: OutputPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = os.environ.get("NANOCHAT")
    if not checkout:
        pytest.skip("NANOCHAT names no checkout of nanochat")
    need("pyarrow")
    need("filelock")
    common = types.ModuleType("nanochat.common")
    common.get_base_dir = lambda: str(tmp_path / "cache")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nanochat.common", common)
    monkeypatch.setitem(sys.modules, "nanochat", types.ModuleType("nanochat"))
    monkeypatch.syspath_prepend(checkout)
    (tmp_path / "cache" / "task_data").mkdir(parents=True)
    folder = tmp_path / "cache" / "task_data" / "HuggingFaceTB--smol-smoltalk"
    export(paths.output, folder, "nanochat", system=SYSTEM, splits={"train": 0.8, "test": 0.2})
    smoltalk = need("tasks.smoltalk")
    found = [
        task[place] for split in ("train", "test") for task in [smoltalk.SmolTalk(split)] for place in range(len(task))
    ]
    assert sorted(json.dumps(each["messages"]) for each in found) == sorted(map(json.dumps, expected(system=SYSTEM)))


def test_nanochats_old_loader_takes_arrays(paths: OutputPaths, tmp_path: Path) -> None:
    export(paths.output, tmp_path / "made.jsonl", "arrays")
    for row in rows(tmp_path / "made.jsonl"):  # as its tasks/customjson.py asks of each line
        assert isinstance(row, list)
        assert len(row) >= 2
        assert all(each["role"] == ("user", "assistant")[place % 2] for place, each in enumerate(row))
        assert all(isinstance(each["content"], str) for each in row)


# ---- TRL


def test_trl_takes_messages_and_prompt_completion_as_conversations(
    paths: OutputPaths, tmp_path: Path, datasets: Any
) -> None:
    data_utils = need("trl.data_utils")
    tokenizer = load_chat_tokenizer(tmp_path)
    for to in ("messages", "prompt-completion"):
        export(paths.output, tmp_path / f"{to}.jsonl", to, system=SYSTEM)
        loaded = datasets.load_dataset("json", data_files=str(tmp_path / f"{to}.jsonl"), split="train")
        assert data_utils.is_conversational(loaded[0])
        applied = [data_utils.apply_chat_template(dict(each), tokenizer) for each in loaded]
        texts = [each.get("text", "") + each.get("prompt", "") + each.get("completion", "") for each in applied]
        assert all(text.count("<|im_start|>") == len(each) + 1 for text, each in zip(texts, TALKS, strict=True))


def test_ten_steps_of_training_learn_what_the_assistant_says(paths: OutputPaths, tmp_path: Path, datasets: Any) -> None:
    need("torch")
    need("accelerate")
    trl, transformers = need("trl"), need("transformers")
    export(paths.output, tmp_path / "made.jsonl", system=SYSTEM)
    tokenizer = load_chat_tokenizer(tmp_path)
    shape = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    settings = trl.SFTConfig(
        output_dir=str(tmp_path / "run"),
        max_steps=10,
        per_device_train_batch_size=4,
        learning_rate=1e-2,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        bf16=False,
        assistant_only_loss=True,
        max_length=512,
    )
    loaded = datasets.load_dataset("json", data_files=str(tmp_path / "made.jsonl"), split="train")
    model = transformers.LlamaForCausalLM(shape)
    trainer = trl.SFTTrainer(model=model, args=settings, train_dataset=loaded, processing_class=tokenizer)
    trainer.train()
    losses = [each["loss"] for each in trainer.state.log_history if "loss" in each]
    assert len(losses) == 10
    assert losses[-1] < losses[0]


# ---- axolotl


def test_axolotl_trains_on_what_the_assistant_says(paths: OutputPaths, tmp_path: Path, datasets: Any) -> None:
    need("torch")
    chat_template = need("axolotl.prompt_strategies.chat_template")
    dict_default = need("axolotl.utils.dict").DictDefault
    tokenizer = load_chat_tokenizer(tmp_path)
    tokenizer.chat_template = tokenizer.chat_template.replace("{% generation %}", "").replace("{% endgeneration %}", "")
    export(paths.output, tmp_path / "made.jsonl", system=SYSTEM)
    settings = dict_default({"train_on_inputs": False, "sequence_len": 2048, "chat_template": "tokenizer_default"})
    source = {"type": "chat_template", "field_messages": "messages", "roles_to_train": ["assistant"]}
    strategy = chat_template.load(tokenizer, settings, dict_default(source))
    for row, conversation in zip(rows(tmp_path / "made.jsonl"), TALKS, strict=True):
        made = strategy.tokenize_prompt(row)
        trained = [token for token, label in zip(made["input_ids"], made["labels"], strict=True) if label != -100]
        answers = [each.content for each in conversation if each.role == "assistant"]
        assert tokenizer.decode(trained).replace("\n", "") == "".join(f"{each}<|im_end|>" for each in answers)


# ---- LLaMA-Factory


@pytest.mark.parametrize("to", ["messages", "sharegpt"])
def test_llamafactory_takes_a_folder_as_its_dataset_info_says(
    to: str, paths: OutputPaths, tmp_path: Path, datasets: Any
) -> None:
    need("torch")
    converter, parser = import_alone("llamafactory", "data.converter", "data.parser")
    export(paths.output, tmp_path / "bike", to, system=SYSTEM, splits=HALVES)
    attributes = parser.get_dataset_list(["bike", "bike_validation"], str(tmp_path / "bike"))
    assert [each.dataset_name for each in attributes] == ["train.jsonl", "valid.jsonl"]
    found, settings = [], types.SimpleNamespace(media_dir=None)
    for attribute in [*attributes, *parser.get_dataset_list(["bike_test"], str(tmp_path / "bike"))]:
        convert = converter.get_dataset_converter(attribute.formatting, attribute, settings)
        for row in datasets.load_dataset("json", data_files=str(tmp_path / "bike" / attribute.dataset_name))["train"]:
            made = convert(row)
            assert made["_system"] == SYSTEM
            found.append(made["_prompt"] + made["_response"])
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, expected()))


# ---- mlx-lm, Mistral, Together


def test_mlx_lm_takes_a_folder(paths: OutputPaths, tmp_path: Path) -> None:
    (loader,) = import_alone("mlx_lm", "tuner.datasets")
    tokenizer = load_chat_tokenizer(tmp_path)
    result = export(paths.output, tmp_path / "made", system=SYSTEM, splits=HALVES)
    settings = types.SimpleNamespace(mask_prompt=False)
    parts = loader.load_local_dataset(tmp_path / "made", tokenizer, settings)
    assert [len(each) for each in parts] == list(result.files.values())
    assert {type(each).__name__ for each in parts} == {"ChatDataset"}
    assert all(part.process(part[place]) for part in parts for place in range(len(part)))


def test_mistral_takes_every_row_for_finetuning(paths: OutputPaths, tmp_path: Path) -> None:
    messages = need("mistral_common.protocol.instruct.messages")
    validator = need("mistral_common.protocol.instruct.validator")
    export(paths.output, tmp_path / "made.jsonl", system=SYSTEM)
    kinds = {
        "system": messages.SystemMessage,
        "user": messages.UserMessage,
        "assistant": messages.FinetuningAssistantMessage,
    }
    check = validator.MistralRequestValidatorV13(mode=validator.ValidationMode.finetuning)
    for row in rows(tmp_path / "made.jsonl"):
        check.validate_messages([kinds[each["role"]](content=each["content"]) for each in row["messages"]])


def test_together_finds_nothing_wrong(paths: OutputPaths, tmp_path: Path) -> None:
    files = need("together.lib.utils.files")
    for to in ("messages", "prompt-completion"):
        export(paths.output, tmp_path / f"{to}.jsonl", to)
        report = files.check_file(tmp_path / f"{to}.jsonl")
        assert report["is_check_passed"], report
        assert report["num_samples"] == 60


# ---- tokens


def test_tokens_are_those_of_the_tokenizer(tmp_path: Path) -> None:
    need("tokenizers")
    path = make_tokenizer(tmp_path)
    for given in (path, tmp_path):
        count = load_tokenizer(given)
        assert count((Message("user", "abc"), Message("assistant", "é"))) == 3 + 2 + 2 * TEMPLATE_TOKENS


@pytest.mark.parametrize("content", ["", "{}", '{"model": 1}', "\x00"])
def test_a_file_that_is_no_tokenizer_is_named(content: str, tmp_path: Path) -> None:
    need("tokenizers")
    from asyncgen.errors import ConfigError  # noqa: PLC0415

    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ConfigError, match=r"tokenizer\.json is no tokenizer\.json"):
        load_tokenizer(tmp_path)
