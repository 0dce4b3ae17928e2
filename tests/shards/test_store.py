"""Addresses of object storage: which can be used, and what is said of the others."""

import contextlib
import sys

import pytest
from quick import each_row

from asyncgen.command.main import main
from asyncgen.errors import ConfigError
from asyncgen.shards.store import check_url
from asyncgen.shards.stored import StoredShards


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket/x",
        "gs://b-1.c/deep/folder/x",
        "az://container/x",
        "abfss://container@account.dfs.core.windows.net/x",
    ],
)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    assert check_url(url) == url
    assert check_url(f"{url}/") == url
    assert StoredShards(f"{url}.shards").stem == StoredShards(f"{url}.jsonl").stem == url


@each_row(
    "url",
    [
        *("s3://bucket", "s3://bucket/", "s3://", "s3:///x", "://x", "S3//b/x", "s3://b/x y", "s3://b/x\n"),
        *("s3://key:hush@bucket/x", "s3://bucket/x?versionId=hush", "s3://bucket/x#hush", "simplecache::s3://b/x"),
    ],
)
def test_what_is_no_address_or_may_hold_a_key_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ConfigError, match="named as in s3://BUCKET/NAME") as raised:
        check_url(url)
    assert "hush" not in str(raised.value)


@each_row("url", ["file:///x/y", "file://h/y", "sftp://host/x", "https://host/x", "memory://b/x"])
def test_what_cannot_put_an_object_only_if_there_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no object storage that can refuse"):
        check_url(url)


def test_without_its_library_it_is_said_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert main(["status", "s3://bucket/x"]) == 2
    assert "-m pip install 'asyncgen[storage]' s3fs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["generate", "-o", "s3://bucket/x"], "an object cannot be appended to"),
        (["view", "s3://bucket/x"], "asyncgen merge ADDRESS -o FILE"),
        (["audit", "s3://bucket/x"], "asyncgen merge ADDRESS -o FILE"),
        (["export", "s3://bucket/x"], "asyncgen merge ADDRESS -o FILE"),
    ],
)
def test_what_needs_a_file_says_so(line: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(SystemExit):
        assert main(line) == 2
    assert told in capsys.readouterr().err
