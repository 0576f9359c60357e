"""Split the batch of a step over devices and gradient accumulation."""

from collections.abc import Mapping
from typing import Any, NamedTuple

DEFAULT = 8
"""Rows per step if the config sets no batch size."""

_LARGEST = 8
"""Maximum rows per device and forward pass if the config does not set `per_device_batch`."""


class Batches(NamedTuple):
    """Rows per device and forward pass, and forward passes per optimizer step.

    `contradictions` lists batch settings that do not fit together, as pairs of key and reason.
    """

    per_device: int
    accumulation: int
    contradictions: list[tuple[str, str]]


def split_batch(asked: Mapping[str, Any], devices: int) -> Batches:
    """Return the batch split for `devices` devices.

    Rows per step = rows per device x accumulation x devices. `global_batch` is the number of rows
    per step over all devices; `batch_size` is used if `global_batch` is not set.

    Args:
        asked: the payload's settings by config key, `None` if not set.
        devices: the number of devices that train.
    """
    wrong = []
    rows, size = asked["hyperparameters.global_batch"], asked["hyperparameters.batch_size"]
    if rows and size and rows != size:
        wrong.append(
            ("hyperparameters.batch_size", f"it is {size}, but `global_batch` is {rows}; set only one")
        )
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
