from typing import Any

import pytest

from asyncgen.endpoint.batches.batch import Batch
from asyncgen.runs.batches.search import Found, Sought

SOUGHT = Sought(label="k7", file="file-1", lines=40, model="maker/model", since=1000.0)


def listed(*batches: Batch, known: tuple[str, ...] = ()) -> Found:
    found = Found(SOUGHT, known)
    for each in batches:
        found.add(each)
    return found


def batch(number: int = 1, **told: Any) -> Batch:
    return Batch(**{"id": f"b{number}", "status": "in_progress", "created_at": 1500.0, "total": 40, **told})


@pytest.mark.parametrize("told", [{"label": "k7"}, {"file_id": "file-1", "label": None}, {"label": "k7", "total": 3}])
def test_a_label_or_the_file_is_proof(told: dict[str, Any]) -> None:
    assert [each.id for each in listed(batch(**told), batch(2)).proved] == ["b1"]


@pytest.mark.parametrize("told", [{"label": "other"}, {"file_id": "file-2"}])
def test_with_another_label_or_file_it_is_another_one(told: dict[str, Any]) -> None:
    found = listed(batch(**told))
    assert not found.proved
    assert not found.alike


def test_the_only_one_of_that_model_size_and_time_is_believed() -> None:
    assert listed(batch(model="maker/model:batch")).is_clear


@pytest.mark.parametrize(
    "told",
    [{"model": "other/model"}, {"total": 41}, {"total": 39, "is_over": True}, {"created_at": 999.0}],
)
def test_another_model_size_or_time_is_another_one(told: dict[str, Any]) -> None:
    assert not listed(batch(**told)).alike


@pytest.mark.parametrize("total", [None, 0, 27])
def test_a_size_that_is_still_counted_excludes_nothing_and_proves_nothing(total: int | None) -> None:
    found = listed(batch(total=total))
    assert found.alike
    assert not found.is_clear
    assert not listed(batch(), batch(2, total=total)).is_clear


def test_two_of_its_size_are_not_clear() -> None:
    assert not listed(batch(), batch(2)).is_clear


def test_those_that_are_known_are_not_the_one() -> None:
    assert listed(batch(), batch(2), known=("b1",)).is_clear
