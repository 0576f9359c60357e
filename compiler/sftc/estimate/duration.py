"""How long a run takes: the operations of its tokens, at what a device reaches, or as earlier jobs did."""

from typing import Final, NamedTuple

from sftc.estimate.devices import Device
from sftc.estimate.epoch import Epoch, Epochs
from sftc.estimate.interval import Interval
from sftc.estimate.packaged_table import constant, packaged_table
from sftc.estimate.shapes import Shape
from sftc.estimate.training_setup import TrainingSetup

_TERA: Final = 10**12
_MULTIPLY_AND_ADD: Final = 2


class Duration(NamedTuple):
    """How long a run takes, in seconds, and from what that was computed."""

    seconds: Interval
    source: str

    def price(self, an_hour: float, devices: int) -> Interval:
        """Return the price of the run on `devices` devices that each cost `an_hour`."""
        return self.seconds.times(an_hour * devices / 3600)


def duration_on(
    device: Device, shape: Shape, setup: TrainingSetup, epochs: Epochs, number: Interval
) -> Duration | None:
    """Return how long `number` epochs take on a GPU of the table; `None` on another device."""
    speeds = packaged_table("speed")["tflops"].get(device.name)
    if not speeds:
        return None
    peak = speeds[0 if setup.computes < 4 else 1] * _TERA * setup.devices
    reached, start = constant("speed", "utilization"), constant("speed", "start_seconds")
    layer = constant("speed", "layer_seconds_four_bit" if setup.four_bit else "layer_seconds")
    bounds = []
    for at, epoch in enumerate(epochs):
        working = operations(shape, setup, epoch) / (peak * reached[2 - at])
        passes = epoch.sequences / (setup.per_device * setup.devices)
        waiting = passes * len(shape.layers) * layer[at]
        bounds.append(start[at] + number[at] * (working + waiting))
    speed = f"{speeds[0 if setup.computes < 4 else 1]:g} x 10^12 operations a second"
    said = f"{speed}, of which a run reaches {reached.low:.0%} to {reached.high:.0%}"
    return Duration(Interval(*bounds), said)


def duration_as(rate: Interval, epochs: Epochs, number: Interval, jobs: int) -> Duration:
    """Return how long `number` epochs take at the tokens a second of earlier jobs on this machine."""
    start = constant("speed", "start_seconds")
    bounds = (start[at] + number[at] * epoch.positions / rate[2 - at] for at, epoch in enumerate(epochs))
    of = f"{jobs} earlier job{'s' if jobs > 1 else ''} of this model on this machine"
    return Duration(Interval(*bounds), f"{rate.low:,.0f} to {rate.high:,.0f} tokens a second, as in {of}")


def operations(shape: Shape, setup: TrainingSetup, epoch: Epoch) -> float:
    """Return the operations of an epoch: of each position forwards, backwards, and again with checkpointing.

    Weights that are not trained need no gradient: backwards they cost what they cost forwards.
    """
    weights = sum(
        each.weights / (each.experts or 1) * (shape.chosen if each.experts else 1) for each in shape.linear
    )
    scores = len(shape.layers) * shape.attention.queries * epoch.tokens / epoch.rows
    head = shape.vocabulary * shape.hidden
    times = (2 if setup.adapter else 3) + setup.checkpointing
    once = weights + scores
    return _MULTIPLY_AND_ADD * epoch.positions * (times * once + (times - setup.checkpointing) * head)
