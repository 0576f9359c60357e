"""The table of parts and constants, `memory.toml`."""

import tomllib
from functools import cache
from typing import Any, Final, NamedTuple

from sftc.contract.versions import PACKAGED
from sftc.estimate.interval import Interval

GIB: Final = 1 << 30


class PartText(NamedTuple):
    """What is said about a part of the memory."""

    title: str
    formula: str
    assumption: str
    source: str


def part_text(name: str) -> PartText:
    """Return what is said about the part called `name`."""
    return PartText(**_table()["part"][name])


def constant(name: str) -> Interval:
    """Return the constant called `name`; one in GiB as bytes."""
    row = _table()["constant"][name]
    found = Interval(row["low"], row["expected"], row["high"])
    return found.times(GIB) if row["unit"] == "GiB" else found


def activation_copies(function: str) -> int:
    """Return how many tensors a function between two linear layers keeps, beside its output."""
    return int(_table()["activation_copies"].get(function, 1))


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(PACKAGED.read("estimate/memory.toml").decode())
