"""The tables of the estimate in the package, each read once, and the constants in them."""

import tomllib
from functools import cache
from typing import Any, Final

from sftc.contract.versions import PACKAGED
from sftc.estimate.interval import Interval

GIB: Final = 1 << 30


@cache
def packaged_table(name: str) -> dict[str, Any]:
    """Return the values of the table `estimate/NAME.toml` of the schemas."""
    return tomllib.loads(PACKAGED.read(f"estimate/{name}.toml").decode())


def constant(table: str, name: str) -> Interval:
    """Return a constant of a table within its bounds; one in GiB as bytes."""
    row = packaged_table(table)["constant"][name]
    found = Interval(row["low"], row["expected"], row["high"])
    return found.times(GIB) if row["unit"] == "GiB" else found
