"""Upload an exported model to the Hugging Face Hub."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from sftc.service.executor import FailedError
from sftc.training.base_model import ADAPTER

_MESSAGE: Final = "Upload a model with sftc export"


def check_token() -> None:
    """Check that there is a token of the hub.

    Raises:
        FailedError: there is none.
    """
    from huggingface_hub import get_token

    if not get_token():
        raise FailedError("there is no token of the Hugging Face Hub: run `hf auth login`, or set HF_TOKEN")


def check_hub() -> None:
    """Check that the hub can be reached and knows the token.

    Raises:
        FailedError: it cannot, or does not.
    """
    from huggingface_hub import HfApi

    with _asking("the Hugging Face Hub cannot be used"):
        HfApi(library_name="sftc").whoami()


def push_model(folder: Path, repository: str) -> str:
    """Upload the files of a model, in one commit, and return the address of the repository.

    A repository that does not exist is created, private. One that exists keeps its visibility.

    Args:
        folder: the folder of the model.
        repository: `OWNER/NAME`.

    Raises:
        FailedError: the hub refuses it, or cannot be reached.
    """
    from huggingface_hub import HfApi

    api = HfApi(library_name="sftc")
    with _asking(f"the upload to {repository} failed"):
        made = api.create_repo(repository, private=True, exist_ok=True)
        api.upload_folder(repo_id=made.repo_id, folder_path=folder, commit_message=_MESSAGE)
    return str(made)


@contextmanager
def _asking(failed: str) -> Iterator[None]:
    """Turn errors of requests to the hub into a `FailedError` that begins with `failed`."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    # The HTTP client of the hub's library is httpx or httpx2, by its version; its errors have this base.
    client_error: Any = next(each for each in HfHubHTTPError.__mro__ if each.__name__ == "HTTPError")
    try:
        yield
    except (client_error, HFValidationError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise FailedError(f"{failed}: {reason}") from error


def public_copy(model: Path, into: Path, name: str) -> None:
    """Copy a trained model to the new folder `into`; of an adapter, without the place of its base model.

    Args:
        model: the folder of the trained model.
        into: the new folder.
        name: what the config calls the base model, or empty if that is not known.

    Raises:
        FailedError: the base model of the adapter has no name that others know.
    """
    shutil.copytree(model, into)
    path = into / ADAPTER
    if not path.is_file():
        return
    config: dict[str, Any] = orjson.loads(path.read_bytes())
    base = config["base_model_name_or_path"]
    if Path(base).exists():
        if not name or Path(name).exists() or name.count("/") != 1:
            raise FailedError(
                f"the base model of the adapter is a folder of this machine, {base}: for others, set "
                "`base_model_name_or_path` in adapter_config.json to its id on the hub, or pass --merge"
            )
        config["base_model_name_or_path"] = name
        path.write_bytes(orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
