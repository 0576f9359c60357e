"""How several devices share a model: what each keeps of it, and the buffers that sharing takes."""

from typing import Final, NamedTuple

from sftc.estimate.interval import NOTHING, Interval, exactly, summed
from sftc.estimate.packaged_table import constant
from sftc.estimate.shapes import Shape
from sftc.estimate.training_setup import TrainingSetup

_BUCKET: Final = 500_000_000
"""The numbers of a bucket of DeepSpeed, if a config sets no other."""

_LIVE: Final = 1_000_000_000
"""The gathered parameters that stage 3 keeps at most, if a config sets no other."""


class Shares(NamedTuple):
    """The shares of a device: of weights, gradients and optimizer states; 1 for all of it."""

    weights: float
    gradients: float
    optimizer: float


def device_shares(setup: TrainingSetup) -> Shares:
    """Return what each device keeps of a model."""
    part = 1 / setup.devices
    stage = 3 if setup.fsdp else setup.deepspeed
    return Shares(*(part if stage >= least else 1.0 for least in (3, 2, 1)))


def communication_bytes(shape: Shape, setup: TrainingSetup, trained: int, *, cuda: bool) -> Interval:
    """Return the bytes of the buffers that sharing `trained` parameters takes."""
    if setup.devices == 1 and setup.deepspeed < 0 and not setup.fsdp:
        return NOTHING
    library = constant("memory", "nccl") if cuda and setup.devices > 1 else NOTHING
    return summed([library, _buffers(shape, setup, trained)])


def _buffers(shape: Shape, setup: TrainingSetup, trained: int) -> Interval:
    size = setup.computes
    if setup.fsdp:
        a_layer = max(layer.parameters for layer in shape.layers)
        return Interval(a_layer, 2 * a_layer + shape.outside, 3 * a_layer + 2 * shape.outside).times(size)
    if setup.deepspeed < 0:
        return exactly(4 * trained)
    bucket = _BUCKET * size
    if setup.deepspeed < 3:
        return Interval(min(bucket, trained * size), bucket, 2.5 * bucket)
    live = min(_LIVE, shape.parameters) * size
    return Interval(0.2 * live, live, live + 2 * bucket)
