"""Finding and loading the base model of a job."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from sftc.service.executor import FailedError
from sftc.training.machine import out_of_memory


class BaseModel(NamedTuple):
    """A model on disk: its folder, and the file in it if that is one of GGUF."""

    folder: str
    gguf: str | None

    def options(self) -> dict[str, str | bool]:
        """Return what transformers needs to know to load it, and nothing from elsewhere."""
        return {"local_files_only": True, **({"gguf_file": self.gguf} if self.gguf else {})}


def find_base_model(name: str, models: Path | None, *, download: bool) -> BaseModel:
    """Return the base model with the name in a config.

    Args:
        name: a folder; the name of one in `models`, with or without its owner; or the id of a
            model in the cache of the hub.
        models: a folder of models.
        download: whether it may be fetched from the hub.

    Raises:
        FailedError: it is not found.
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
        return _model(Path(snapshot_download(name, local_files_only=not download))) or _none(name, models)
    except (HFValidationError, LocalEntryNotFoundError):
        return _none(name, models)
    except OSError as error:
        raise FailedError(f"`job.model`: {name} cannot be fetched from the hub: {error}") from error


@contextmanager
def loading(base: BaseModel) -> Iterator[None]:
    """Turn an error while loading the model into one that names the model.

    Raises:
        FailedError: it is not as it should be.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if out_of_memory(error):
            raise
        reason = str(error).strip().splitlines()[0]
        raise FailedError(f"`job.model`: the model in {base.folder} cannot be loaded: {reason}") from error


def _model(folder: Path) -> BaseModel | None:
    if (folder / "config.json").is_file():
        return BaseModel(str(folder.absolute()), None)
    weights = sorted(folder.glob("*.gguf")) if folder.is_dir() else []
    if weights and not find_spec("gguf"):
        raise FailedError(f"`job.model`: {weights[0].name} needs another package: pip install gguf")
    return BaseModel(str(folder.absolute()), weights[0].name) if weights else None


def _none(name: str, models: Path | None) -> BaseModel:
    where = f", none in {models}" if models else ""
    raise FailedError(
        f"`job.model`: the model {name} was not found: no folder of that name{where}, nor the hub's cache. "
        "Name a folder, say where models are with --models-dir, or let it be fetched with --allow-download"
    )
