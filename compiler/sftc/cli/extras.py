"""Packages that only an extra of this one brings."""

from collections.abc import Mapping
from typing import Final

EXTRAS: Final[Mapping[str, str]] = {
    "backports": "dataset",
    "dotenv": "submit",
    "httpx": "submit",
    "matplotlib": "plot",
    "numpy": "dataset",
    "python_multipart": "local",
    "ray": "ray",
    "re2": "dataset",
    "starlette": "local",
    "stringzilla": "dataset",
    "uvicorn": "local",
}
"""Which extra brings a package."""


def advice(error: ModuleNotFoundError) -> str | None:
    """Return what to install, where what is missing comes with an extra."""
    package = str(error.name).partition(".")[0]
    extra = EXTRAS.get(package)
    return extra and f"this needs the package {package}: pip install 'sftc[{extra}]'"
