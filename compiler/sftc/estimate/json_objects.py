"""The JSON objects in the files of a model: `config.json`, and the headers of safetensors files."""

from typing import Any, Final

import orjson

_LARGEST: Final = 64 << 20
"""The bytes that a header or a JSON file may have."""


def read_object(path: str) -> dict[str, Any]:
    """Return the JSON object in the file at `path`.

    Raises:
        ValueError: it is not a JSON object; the message names the file.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return as_object(_parsed(file.read(_LARGEST), path), path)


def read_header(path: str) -> dict[str, Any]:
    """Return the header of a safetensors file: its length in 8 bytes, then JSON.

    Raises:
        ValueError: it is not a safetensors file; the message names it.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LARGEST:
            raise ValueError(f"{path} is not a safetensors file")
        return as_object(_parsed(file.read(length), path), path)


def as_object(value: object, path: str) -> dict[str, Any]:
    """Return a value of the file at `path` that must be an object.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{path} is not a JSON object")  # noqa: TRY004  a fault of the file, not the call
    return value


def _parsed(data: bytes, path: str) -> object:
    try:
        return orjson.loads(data)
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
