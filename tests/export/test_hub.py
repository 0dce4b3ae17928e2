"""What is asked of the hub's library, with one that only does as if: `make check-trainers` asks the real one."""

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from quick import each_row

from asyncgen.errors import AccessDeniedError, ConfigError, EndpointDownError
from asyncgen.export.hub import check_repository, push_folder


class RefusedError(OSError):
    def __init__(self, status: int | None) -> None:
        super().__init__("no\n\x1b[2Jsuch luck")
        self.response = types.SimpleNamespace(status_code=status)


class Api:
    """Notes what it is asked for. `error` is raised by an upload, if there is one."""

    endpoint = "https://hub.example"
    error: Exception | None = None
    is_private = True
    asked: list[tuple[Any, ...]]

    def create_repo(self, repository: str, *, repo_type: str, private: bool, exist_ok: bool) -> None:
        type(self).asked = [(repository, repo_type, private, exist_ok)]

    def dataset_info(self, _: str) -> Any:
        return types.SimpleNamespace(private=self.is_private)

    def upload_folder(self, *, repo_id: str, folder_path: Path, repo_type: str, **_: object) -> None:
        if self.error is not None:
            raise self.error
        self.asked.append((repo_id, folder_path, repo_type))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> type[Api]:
    library, errors = types.ModuleType("huggingface_hub"), types.ModuleType("huggingface_hub.errors")
    fresh = type("FreshApi", (Api,), {})
    library.HfApi = fresh  # type: ignore[attr-defined]
    errors.HfHubHTTPError = RefusedError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", library)
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    return fresh


@pytest.mark.parametrize("is_public", [False, True])
def test_a_folder_goes_to_a_data_set_that_is_private_unless_told(
    api: type[Api], tmp_path: Path, *, is_public: bool
) -> None:
    assert push_folder(tmp_path, "me/chats", is_public=is_public) == "https://hub.example/datasets/me/chats"
    assert api.asked == [("me/chats", "dataset", not is_public, True), ("me/chats", tmp_path, "dataset")]


def test_a_public_one_gets_nothing_unless_told(api: type[Api], tmp_path: Path) -> None:
    api.is_private = False
    with pytest.raises(ConfigError, match="--public says that this is meant"):
        push_folder(tmp_path, "me/chats", is_public=False)
    assert len(api.asked) == 1
    push_folder(tmp_path, "me/chats", is_public=True)


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (RefusedError(401), AccessDeniedError, "HF_TOKEN"),
        (RefusedError(403), AccessDeniedError, "HF_TOKEN"),
        (RefusedError(500), EndpointDownError, "--overwrite"),
        (RefusedError(None), EndpointDownError, "--overwrite"),
        (ConnectionError("no route"), EndpointDownError, "no route"),
        (OSError(), EndpointDownError, "OSError"),
    ],
)
def test_an_upload_that_fails_says_what_to_do(
    api: type[Api], tmp_path: Path, error: Exception, kind: type[Exception], told: str
) -> None:
    api.error = error
    with pytest.raises(kind, match=told) as caught:
        push_folder(tmp_path, "me/chats", is_public=False)
    assert str(caught.value).isprintable()


@each_row("name", ["", "me", "me/", "/chats", "me/chats/more", "me/../x", "-/x y", "mé/x", "me/x\n"])
def test_a_name_that_is_none_is_refused(api: type[Api], name: str) -> None:
    with pytest.raises(ConfigError, match="expected OWNER/NAME"):
        check_repository(name)


def test_without_the_library_there_is_one_sentence_with_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ConfigError, match=r"-m pip install huggingface_hub \(the extra asyncgen\[hub\]\)"):
        check_repository("me/chats")
