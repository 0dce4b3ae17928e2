"""Upload of a folder to a data set of the hub. This is the home of huggingface_hub, which finds the token by itself.

Only what its versions 1 and 2 share is called. A data set is private unless that is asked otherwise, and one that is
public already gets nothing by accident.
"""

import re
import sys
from pathlib import Path

from asyncgen.errors import AccessDeniedError, ConfigError, EndpointDownError
from asyncgen.text import one_line

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_REFUSED = frozenset({401, 403})


def check_repository(repository: str) -> None:
    """Raises ConfigError."""
    if not _REPOSITORY.fullmatch(repository):
        raise ConfigError(f"--push: expected OWNER/NAME, got {repository!r}")
    try:
        import huggingface_hub  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise ConfigError(
            f"--push needs huggingface_hub: {sys.executable} -m pip install huggingface_hub (the extra asyncgen[hub])"
        ) from None


def push_folder(folder: Path, repository: str, *, is_public: bool) -> str:
    """Make the data set hold what the folder does; its address. Raises FatalError; the same call goes on."""
    from huggingface_hub import HfApi  # noqa: PLC0415 - an extra
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    api = HfApi()
    try:
        api.create_repo(repository, repo_type="dataset", private=not is_public, exist_ok=True)
        if not is_public and api.dataset_info(repository).private is False:
            raise ConfigError(f"--push: {repository} is there and public; --public says that this is meant")
        api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            repo_type="dataset",
            commit_message="Export of asyncgen",
            delete_patterns=["data/*.parquet"],  # shards of an earlier export that had more
        )
    # Its own errors stand on those of its HTTP client, which is another one in each version, and on OSError.
    except (HfHubHTTPError, *HfHubHTTPError.__bases__) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        told = one_line(" ".join(str(error).split()))
        if status in _REFUSED or "token" in type(error).__name__.lower():
            raise AccessDeniedError(
                f"--push: {repository}: {told}; set HF_TOKEN to a token that may write, or log in with hf auth login"
            ) from error
        raise EndpointDownError(
            f"--push: {repository}: {told or type(error).__name__}; {folder} is whole: the same line with --overwrite "
            "goes on"
        ) from error
    return f"{api.endpoint}/datasets/{repository}"
