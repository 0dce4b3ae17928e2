import os
import stat
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from audited import conversation, write_output
from hypothesis import given
from hypothesis import strategies as st
from sweep import at_most

from asyncgen.audit.filter import DUPLICATE, MARKED, NO_CONVERSATION, Plan, Result, filter_output, name_parts
from asyncgen.conversation import Conversation, decode_line, digest_conversation, encode_line
from asyncgen.data.dataset import Dataset, Record
from asyncgen.data.dropped import dropped_path, read_dropped
from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.paths import OutputPaths


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    """Six lines, of which the third and the sixth repeat the first."""
    unlike = [conversation(number) for number in range(4)]
    return write_output(
        tmp_path / "x.jsonl", [*unlike[:2], conversation(0, "Truly."), *unlike[2:], conversation(0, "Indeed.")]
    )


def run(paths: OutputPaths, **plan: object) -> Result:
    settings: dict[str, object] = {"clean": paths.output.with_name("clean.jsonl"), "broken": {}, **plan}
    return filter_output(Dataset.open(paths.output), Plan(**settings))  # type: ignore[arg-type]


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def mark(paths: OutputPaths, *marks: tuple[Conversation, bool]) -> None:
    with dropped_path(paths).open("a") as file:
        for each, dropped in marks:
            digest = digest_conversation(each).hex()
            file.write(f'{{"digest": "{digest}", "dropped": {str(dropped).lower()}}}\n')


def test_what_stays_is_there_byte_for_byte_and_the_input_is_not_touched(paths: OutputPaths) -> None:
    odd = b'  [ {"content":"caf\\u00e9", "role" : "user"}, {"role":"assistant","content":"\xc3\xa9"} ]\t\r\n'
    paths.output.write_bytes(odd + paths.output.read_bytes())
    before = [(each, each.read_bytes(), each.stat().st_mtime_ns) for each in paths.data]
    run(paths)
    clean = paths.output.with_name("clean.jsonl")
    assert sorted(lines(clean)) == sorted(lines(paths.output))
    assert odd in lines(clean)
    assert [(each, each.read_bytes(), each.stat().st_mtime_ns) for each in paths.data] == before
    assert stat.S_IMODE(clean.stat().st_mode) == 0o600


def test_the_order_follows_the_seed_and_nothing_else(tmp_path: Path) -> None:
    paths = write_output(tmp_path / "x.jsonl", [conversation(number) for number in range(50)])
    orders = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(paths, clean=tmp_path / name, seed=seed)
        orders.append(lines(tmp_path / name))
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != lines(paths.output)
    assert sorted(orders[0]) == sorted(orders[2]) == sorted(lines(paths.output))


def test_the_order_is_kept_if_asked_for(paths: OutputPaths) -> None:
    run(paths, keep_order=True, broken={"email": [2]})
    assert lines(paths.output.with_name("clean.jsonl")) == [
        line for number, line in enumerate(lines(paths.output), 1) if number != 2
    ]


def test_each_line_is_counted_under_its_first_reason(paths: OutputPaths) -> None:
    mark(paths, (conversation(1), True))
    result = run(paths, broken={"email": [2, 4], "secret": [4, 5]}, dedup=0.8)
    assert result.dropped == {MARKED: 1, "email": 1, "secret": 1, DUPLICATE: 2}
    assert (result.lines, sum(result.kept.values())) == (6, 1)


def test_of_near_duplicates_the_first_stays(paths: OutputPaths) -> None:
    run(paths, dedup=0.8, keep_order=True)
    assert lines(paths.output.with_name("clean.jsonl")) == [lines(paths.output)[place] for place in (0, 1, 3, 4)]


def test_a_line_that_goes_for_another_reason_takes_no_near_duplicate_with_it(paths: OutputPaths) -> None:
    result = run(paths, dedup=0.8, broken={"email": [1]}, keep_order=True)
    assert result.dropped == {"email": 1, DUPLICATE: 1}
    assert lines(paths.output)[2] in lines(paths.output.with_name("clean.jsonl"))


def test_the_newest_mark_of_a_conversation_counts_and_an_unfinished_one_does_not(paths: OutputPaths) -> None:
    mark(paths, (conversation(1), True), (conversation(2), True), (conversation(1), False))
    with dropped_path(paths).open("a") as file:
        file.write('{"digest": "00')
    assert read_dropped(paths) == {digest_conversation(conversation(2))}
    assert run(paths).dropped == {MARKED: 1}


@pytest.mark.parametrize("line", ["", "[]", '{"digest": "abc", "dropped": true}', '{"digest": "ab", "dropped": true}'])
def test_a_line_that_is_no_mark_is_named(paths: OutputPaths, line: str) -> None:
    dropped_path(paths).write_text(line + "\n")
    with pytest.raises(ConfigError, match="line 1 marks no conversation"):
        run(paths)


def test_what_is_no_conversation_goes(paths: OutputPaths) -> None:
    paths.output.write_bytes(b"\n" + paths.output.read_bytes() + b'{"torn": \n')
    result = run(paths)
    assert result.dropped == {NO_CONVERSATION: 2}
    assert all(decode_line(line) for line in lines(paths.output.with_name("clean.jsonl")))


def test_a_last_line_without_its_newline_gets_one(paths: OutputPaths) -> None:
    paths.output.write_bytes(paths.output.read_bytes().removesuffix(b"\n"))
    run(paths)
    assert all(line.endswith(b"]\n") for line in lines(paths.output.with_name("clean.jsonl")))


@at_most(25)
@given(
    clusters=st.lists(st.integers(1, 6), min_size=1, max_size=12),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 3),
    keep_order=st.booleans(),
)
def test_no_cluster_is_on_both_sides_of_a_split(
    tmp_path_factory: pytest.TempPathFactory, clusters: list[int], share: float, seed: int, *, keep_order: bool
) -> None:
    folder = tmp_path_factory.mktemp("split")
    made = [conversation(number, f"Copy {copy}.") for number, size in enumerate(clusters) for copy in range(size)]
    paths = write_output(folder / "x.jsonl", made)
    result = run(paths, split=share, seed=seed, keep_order=keep_order)
    train, validation = (lines(path) for path in result.kept)
    assert sorted(train + validation) == sorted(lines(paths.output))
    assert not _questions(train) & _questions(validation)
    assert len(validation) <= len(made) - round(len(made) * share)
    if keep_order:
        numbers = [[made.index(decode_line(line)) for line in side] for side in (train, validation)]
        assert all(one < other for side in numbers for one, other in pairwise(side))


def _questions(side: list[bytes]) -> set[str]:
    return {decode_line(line)[0].content for line in side}


def test_a_split_without_near_duplicates_has_exactly_the_share_asked_for(tmp_path: Path) -> None:
    paths = write_output(tmp_path / "x.jsonl", [conversation(number) for number in range(100)])
    result = run(paths, split=0.98)
    assert result.kept == {tmp_path / "clean.train.jsonl": 98, tmp_path / "clean.validation.jsonl": 2}
    assert not (tmp_path / "clean.jsonl").exists()


def test_what_a_high_dedup_leaves_stays_together_in_a_split(tmp_path: Path) -> None:
    made = [conversation(number, ending) for number in range(30) for ending in ("", "", "Once. Twice. Thrice.")]
    paths = write_output(tmp_path / "x.jsonl", made)
    result = run(paths, dedup=1.0, split=0.5)
    assert result.dropped == {DUPLICATE: 30}
    train, validation = (lines(path) for path in result.kept)
    assert len(train) == len(validation) == 30
    assert not _questions(train) & _questions(validation)


@pytest.mark.parametrize(
    ("clean", "names"),
    [
        ("clean.jsonl", ["clean.train.jsonl", "clean.validation.jsonl"]),
        ("clean", ["clean.train", "clean.validation"]),
        ("a.b.jsonl", ["a.b.train.jsonl", "a.b.validation.jsonl"]),
    ],
)
def test_the_parts_of_a_split_are_named_after_clean(clean: str, names: list[str]) -> None:
    assert [path.name for path in name_parts(Path(clean), is_split=True)] == names


@pytest.mark.parametrize("suffix", ["", ".journal", ".rejects", ".lock", ".dropped", ".audit.json"])
def test_no_file_of_the_input_is_written_over(paths: OutputPaths, suffix: str) -> None:
    before = paths.output.read_bytes()
    with pytest.raises(ConfigError, match="belongs to the input"):
        run(paths, clean=Path(f"{paths.output}{suffix}"), overwrite=True)
    assert paths.output.read_bytes() == before


def test_the_input_is_known_by_another_name(paths: OutputPaths) -> None:
    (paths.output.parent / "soft.jsonl").symlink_to(paths.output)
    (paths.output.parent / "hard.jsonl").hardlink_to(paths.output)
    for name in ("soft.jsonl", "hard.jsonl"):
        with pytest.raises(ConfigError, match="belongs to the input"):
            run(paths, clean=paths.output.with_name(name), overwrite=True)


def test_what_exists_is_replaced_only_if_told(paths: OutputPaths) -> None:
    clean = paths.output.with_name("clean.jsonl")
    clean.write_text("precious\n")
    with pytest.raises(ConfigError, match="--overwrite"):
        run(paths)
    assert clean.read_text() == "precious\n"
    run(paths, overwrite=True)
    assert len(lines(clean)) == 6


def test_the_output_of_another_run_is_never_replaced(paths: OutputPaths) -> None:
    other = write_output(paths.output.with_name("other.jsonl"), [conversation(9)])
    with pytest.raises(ConfigError, match="output of a run"):
        run(paths, clean=other.output, overwrite=True)
    assert lines(other.output) == [encode_line(conversation(9))]


def test_a_folder_that_is_not_there_is_named(paths: OutputPaths) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        run(paths, clean=paths.output.parent / "nowhere" / "clean.jsonl")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_filter_that_ends_early_leaves_nothing_behind(
    paths: OutputPaths, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = paths.output.with_name("clean.train.jsonl")
    clean.write_text("precious\n")
    before = {path: path.read_bytes() for path in clean.parent.iterdir()}

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((KeyboardInterrupt, OutputError)):
        run(paths, split=0.5, overwrite=True)
    assert {path: path.read_bytes() for path in clean.parent.iterdir()} == before


def _rotate(output: Path) -> None:
    first, *rest = lines(output)
    output.write_bytes(b"".join([*rest, first]))


def _replace(output: Path) -> None:
    other = output.with_name("other")
    other.write_bytes(b"".join(reversed(lines(output))))
    other.replace(output)


def _cut(output: Path) -> None:
    os.truncate(output, output.stat().st_size // 2)


@pytest.mark.parametrize("change", [_rotate, _replace, _cut, Path.unlink])
@pytest.mark.parametrize("moment", ["before it is judged", "when it is judged"])
def test_of_a_file_that_is_changed_meanwhile_nothing_is_written(
    paths: OutputPaths, change: Callable[[Path], None], moment: str
) -> None:
    is_judged = moment == "when it is judged"
    dataset = _opened(paths, when_judged=(lambda: change(paths.output)) if is_judged else lambda: None)
    if not is_judged:
        change(paths.output)
    clean = paths.output.with_name("clean.jsonl")
    with pytest.raises(ConfigError, match=r"x\.jsonl: (changed while it was read|No such file)"):
        filter_output(dataset, Plan(clean, {}))
    assert not clean.exists()
    assert [path.name for path in clean.parent.iterdir() if path.name.endswith(".part")] == []


def _opened(paths: OutputPaths, *, when_judged: Callable[[], None]) -> Dataset:
    class Meddled(Dataset):
        def records(self) -> Iterator[Record]:
            yield from super().records()
            when_judged()

    return Meddled.open(paths.output)


@pytest.mark.parametrize("end", [b"", b"]\n", b"\n"])
def test_of_a_file_that_grows_meanwhile_what_was_judged_is_written(paths: OutputPaths, end: bytes) -> None:
    paths.output.write_bytes(paths.output.read_bytes().removesuffix(b"\n"))
    before = [*lines(paths.output)[:-1], lines(paths.output)[-1] + b"\n"]

    def grow() -> None:
        with paths.output.open("ab") as file:
            file.write(end + encode_line(conversation(7)))

    clean = paths.output.with_name("clean.jsonl")
    filter_output(_opened(paths, when_judged=grow), Plan(clean, {}, keep_order=True))
    assert lines(clean) == before
