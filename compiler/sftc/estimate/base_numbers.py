"""The numbers of a base model: from its files, or from the table of models if it has none here."""

import os
from functools import cache
from math import prod
from typing import Any, Final, NamedTuple

from sftc.estimate.json_objects import read_header, read_object
from sftc.estimate.packaged_table import packaged_table

_CONFIG: Final = "config.json"


class BaseNumbers(NamedTuple):
    """The numbers of a base model.

    Attributes:
        config: what its `config.json` says.
        parameters: the numbers of all tensors in its files; 0 if they are not there.
        source: where they come from, as people read it.
        is_known: whether they come from the table of models, and not from files.
    """

    config: dict[str, Any]
    parameters: int
    source: str
    is_known: bool = False


def numbers_in(place: str) -> BaseNumbers:
    """Return the numbers of the model in the folder `place`, or of the `config.json` at `place`.

    Raises:
        ValueError: a file is not what it should be; the message names it.
        OSError: a file cannot be read.
    """
    if not os.path.isdir(place):
        return BaseNumbers(read_object(place), 0, place)
    config = os.path.join(place, _CONFIG)
    return BaseNumbers(read_object(config), _parameters(place), config)


def known_numbers(name: str) -> BaseNumbers | None:
    """Return the numbers of the model called `name` in the table of models, or `None`."""
    found = _known().get(name.lower())
    if not found:
        return None
    values = {key: value for key, value in found.items() if key not in ("also", "source")}
    return BaseNumbers(values, 0, f"the table of models: {found['source']}", is_known=True)


def known_models() -> list[str]:
    """Return the names of the models in the table, without those of the same shape."""
    return [*packaged_table("models")]


def _parameters(folder: str) -> int:
    """Return the numbers of all tensors of a model; 0 if a file of its weights is not there."""
    paths = [os.path.join(folder, "model.safetensors")]
    index = os.path.join(folder, "model.safetensors.index.json")
    if os.path.isfile(index):
        parts = read_object(index).get("weight_map")
        names = {*map(str, parts.values())} if isinstance(parts, dict) else set()
        paths = [os.path.join(folder, name) for name in sorted(names)]
    if not paths or not all(map(os.path.isfile, paths)):
        return 0
    return sum(_numbers(path) for path in paths)


def _numbers(path: str) -> int:
    tensors = [tensor for name, tensor in read_header(path).items() if name != "__metadata__"]
    try:
        return sum(prod(tensor["shape"]) for tensor in tensors)
    except (KeyError, TypeError):
        raise ValueError(f"{path} is not a safetensors file") from None


@cache
def _known() -> dict[str, Any]:
    models = packaged_table("models").items()
    return {each.lower(): row for name, row in models for each in (name, *row.get("also", ()))}
