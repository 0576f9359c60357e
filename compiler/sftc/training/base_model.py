"""Find the base model of a job on disk or in the Hugging Face cache."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from sftc.service.executor import FailedError
from sftc.training.machine import out_of_memory

ADAPTER: Final = "adapter_config.json"
"""The file that the folder of an adapter has, and that of a whole model has not."""

_ADAPTER_WEIGHTS: Final = ("adapter_model.safetensors", "adapter_model.bin")


class ModelNotFoundError(FailedError):
    """A model is not on this machine."""


class BaseModel(NamedTuple):
    """A model on disk: its folder, and the name of its GGUF file if it has one."""

    folder: str
    gguf: str | None

    def options(self) -> dict[str, str | bool]:
        """Return the `from_pretrained` options that load the model without network access."""
        return {"local_files_only": True, **({"gguf_file": self.gguf} if self.gguf else {})}


def find_base_model(name: str, models: Path | None, *, download: bool) -> BaseModel:
    """Return the base model that a config calls `name`.

    Args:
        name: a folder, the name of a folder in `models` (with or without its owner), or a model id
            on the Hugging Face Hub.
        models: a folder of models, searched before the Hub cache.
        download: whether to download the model from the Hub if it is not in the cache.

    Raises:
        ModelNotFoundError: the model is not on this machine.
        FailedError: it cannot be downloaded, or needs another package. The messages do not say where the
            name comes from.
    """
    places = [Path(name)]
    if models:
        places += [models / name, models / Path(name).name]
    for place in places:
        if found := _model(place):
            return found
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return _model(Path(snapshot_download(name, local_files_only=not download))) or _none(
            name, models, places
        )
    except (HFValidationError, LocalEntryNotFoundError):
        return _none(name, models, places)
    except OSError as error:
        raise FailedError(f"downloading {name} from the Hugging Face Hub failed: {error}") from error


def base_of(folder: Path) -> BaseModel:
    """Return the base model of the adapter in `folder`; of a whole model, the model itself.

    Raises:
        ModelNotFoundError: the base model is not on this machine.
        FailedError: the adapter does not name its base model, or has no weights.
    """
    adapter = folder / ADAPTER
    if not adapter.is_file():
        return BaseModel(str(folder), None)
    try:
        name = orjson.loads(adapter.read_bytes())["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError):
        name = None
    if not isinstance(name, str):
        raise FailedError(f"{adapter} does not name the base model: it needs `base_model_name_or_path`")
    if not any((folder / each).is_file() for each in _ADAPTER_WEIGHTS):
        raise FailedError(f"the adapter in {folder} has no weights: {_ADAPTER_WEIGHTS[0]} is missing")
    try:
        return find_base_model(name, None, download=False)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"the base model of the adapter in {folder}: {error}. Get the model, or set "
            f"`base_model_name_or_path` in {ADAPTER} to its folder"
        ) from error


@contextmanager
def loading(base: BaseModel, key: str = "") -> Iterator[None]:
    """Turn errors from loading `base` into a `FailedError` that names the model.

    Out-of-memory errors pass through unchanged.

    Args:
        base: the model.
        key: the key of the config that names it, for the message; empty if there is none.

    Raises:
        FailedError: the model files are missing, broken or unsupported.
    """
    try:
        yield
    except FailedError:
        raise
    except Exception as error:  # for odd JSON, libraries raise whatever comes
        if out_of_memory(error):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if not isinstance(error, OSError | ValueError | RuntimeError | ImportError):
            reason = f"{type(error).__name__}: {reason}"
        named = f"`{key}`: " if key else ""
        raise FailedError(f"{named}the model in {base.folder} cannot be loaded: {reason}") from error


def _model(folder: Path) -> BaseModel | None:
    if (folder / "config.json").is_file():
        return BaseModel(str(folder.absolute()), None)
    weights = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
    if weights and not find_spec("gguf"):
        raise FailedError(f"{weights[0].name} needs the `gguf` package: pip install gguf")
    return BaseModel(str(folder.absolute()), weights[0].name) if weights else None


def _none(name: str, models: Path | None, places: list[Path]) -> BaseModel:
    for place in places:
        if place.is_dir():
            raise ModelNotFoundError(
                f"the folder {place} has no model: neither config.json nor a GGUF file is in it"
            )
    where = f", in {models}" if models else ""
    raise ModelNotFoundError(
        f"the model {name} was not found: no folder has that name{where}, and it is not in the Hugging Face "
        "cache"
    )
