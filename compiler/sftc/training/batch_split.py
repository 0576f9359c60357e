"""How the rows of a step are split over devices."""

from collections.abc import Mapping
from typing import Any, NamedTuple

DEFAULT = 8
"""The rows of a step by default."""

_LARGEST = 8
"""The maximum rows on a device by default."""


class Batches(NamedTuple):
    """The rows on a device at a time, and how many times before a step.

    `contradictions` are the keys that do not divide evenly, and why.
    """

    per_device: int
    accumulation: int
    contradictions: list[tuple[str, str]]


def split_batch(asked: Mapping[str, Any], devices: int) -> Batches:
    """Return the split over `devices`; a step's rows are the product of all three numbers.

    `global_batch`, or else `batch_size`, is the rows of a step over all devices.
    """
    wrong = []
    rows, size = asked["hyperparameters.global_batch"], asked["hyperparameters.batch_size"]
    if rows and size and rows != size:
        wrong.append(("hyperparameters.batch_size", f"it is {size}, but `global_batch` is {rows}"))
    device = asked["hyperparameters.per_device_batch"]
    times = asked["hyperparameters.gradient_accumulation_steps"]
    key = "hyperparameters.global_batch" if rows else "hyperparameters.batch_size"
    rows = rows or size
    if not rows:
        if not device:
            times = times or max(1, DEFAULT // devices)
        return Batches(device or 1, times or 1, wrong)
    if not device:
        share = rows // (devices * (times or 1)) or 1
        device = share if times else max(each for each in range(1, _LARGEST + 1) if share % each == 0)
    times = times or rows // (devices * device) or 1
    if devices * device * times != rows:
        made = f"{device} rows on {devices} device{'s' if devices > 1 else ''}, {times} times a step"
        wrong.append((key, f"it is {rows}, but {made} are {devices * device * times}"))
    return Batches(device, times, wrong)
