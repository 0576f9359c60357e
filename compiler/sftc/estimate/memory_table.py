"""What `memory.toml` says about the parts of the memory, and about activations."""

from typing import NamedTuple

from sftc.estimate.packaged_table import packaged_table


class PartText(NamedTuple):
    """What is said about a part of the memory."""

    title: str
    formula: str
    assumption: str
    source: str


def part_text(name: str) -> PartText:
    """Return the description of the part called `name`."""
    return PartText(**packaged_table("memory")["part"][name])


def activation_copies(function: str) -> int:
    """Return how many tensors a function between two linear layers keeps, beside its output."""
    return int(packaged_table("memory")["activation_copies"].get(function, 1))
