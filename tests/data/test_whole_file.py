import os
import tempfile
from pathlib import Path

import pytest

from asyncgen.data.whole_file import whole_files
from asyncgen.errors import OutputError


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
def test_a_full_disk_is_told_of_the_file_that_did_not_fit_also_where_it_cannot_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "mkstemp", lambda **_: (os.open("/dev/full", os.O_WRONLY), str(tmp_path / "part")))
    path = tmp_path / "x.jsonl"
    with pytest.raises(OutputError, match=f"^{path}: cannot be written: No space left"), whole_files([path]) as (file,):
        file.write(b"line\n")
    assert not path.exists()
