"""The memory of a run, by parts: what each device has at the moments at which most is needed."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Final, NamedTuple

from sftc.estimate.activations import Rows, kept_bytes, stream_bytes
from sftc.estimate.devices import Device, DeviceKind
from sftc.estimate.interval import NOTHING, Interval, exactly, greatest, summed
from sftc.estimate.optimizers import state_bytes, step_bytes
from sftc.estimate.packaged_table import constant
from sftc.estimate.shapes import Shape
from sftc.estimate.sharding import communication_bytes, device_shares
from sftc.estimate.training_setup import TrainingSetup
from sftc.estimate.weights import base_bytes, trained_in_layer, trained_outside

_FLOAT: Final = 4
_LOSS: Final = 12
"""The bytes of a logit when its gradient is computed: its logarithm, and two gradients, in 32 bits."""

PARTS: Final = (
    "weights",
    "adapter",
    "gradients",
    "optimizer",
    "activations",
    "casts",
    "logits",
    "temporaries",
    "communication",
    "library",
    "fragmentation",
)
"""The parts of the memory, in the order in which they are shown."""

_COMING_AND_GOING: Final = ("gradients", "activations", "casts", "logits", "temporaries")


class Moment(NamedTuple):
    """A moment of a step: its name, and the bytes of each part then."""

    name: str
    parts: Mapping[str, Interval]

    @property
    def total(self) -> Interval:
        """The bytes of all parts."""
        return summed(self.parts.values())

    def from_low(self, other: "Moment") -> "Moment":
        """Return the moment with the low bounds of another one."""
        parts = {name: part._replace(low=other.parts[name].low) for name, part in self.parts.items()}
        return Moment(self.name, parts)


class MemoryEstimate(NamedTuple):
    """The memory that each device needs for a run: at the moments at which most is needed."""

    moments: tuple[Moment, ...]

    @property
    def peak(self) -> Moment:
        """The moment at which most is expected."""
        return max(self.moments, key=lambda moment: moment.total.expected)

    @property
    def total(self) -> Interval:
        """The bytes of the peak, whichever moment that is."""
        return greatest(moment.total for moment in self.moments)

    def from_low(self, other: "MemoryEstimate") -> "MemoryEstimate":
        """Return the estimate with the low bounds of another one of the same moments."""
        moments = zip(self.moments, other.moments, strict=True)
        return MemoryEstimate(tuple(one.from_low(low) for one, low in moments))


class Fit(NamedTuple):
    """Whether a run fits a device: `fits`, `may not fit` or `does not fit`; and the share of it at most."""

    word: str
    share: float


def fit_of(total: Interval, device: Device) -> Fit:
    """Return whether a run that takes `total` bytes fits a device."""
    fits = total.high <= device.usable
    word = "fits" if fits else "may not fit" if total.low <= device.usable else "does not fit"
    return Fit(word, total.high / device.usable)


def estimate_memory(
    shape: Shape, setup: TrainingSetup, rows: Rows, kind: DeviceKind, parameters: int = 0
) -> MemoryEstimate:
    """Return the memory that each device needs for a run.

    Args:
        shape: the shape of the base model.
        setup: the settings of the run.
        rows: the rows of a forward pass.
        kind: the kind of the devices.
        parameters: the parameters of the model's files; by default, those of the shape.
    """
    return MemoryEstimate(tuple(_Run(shape, setup, rows, kind, parameters or shape.parameters).moments()))


class _Run:
    """The parts of a run that several moments have."""

    def __init__(
        self, shape: Shape, setup: TrainingSetup, rows: Rows, kind: DeviceKind, parameters: int
    ) -> None:
        self._shape, self._setup, self._rows, self._kind = shape, setup, rows, kind
        self._shares = device_shares(setup)
        by_layer = [[*trained_in_layer(shape, setup, at)] for at in range(len(shape.layers))]
        self._outside = [*trained_outside(shape, setup)]
        self._tensors = [each for layer in by_layer for each in layer] + self._outside
        self._layer_numbers = [sum(each.numbers for each in layer) for layer in by_layer]
        self._trained = sum(each.numbers for each in self._tensors)
        self._base = base_bytes(shape, setup, parameters) * self._shares.weights
        self._spread = _spread(shape)

    def moments(self) -> Iterator[Moment]:
        """Yield the moments at which most may be needed."""
        yield self._moment("load", {})
        yield self._moment("loss", self._at_the_loss())
        yield self._moment("backward", self._in_the_backward_pass())
        yield self._moment("update", self._at_the_update())

    def _moment(self, name: str, parts: Mapping[str, Interval]) -> Moment:
        setup, shares = self._setup, self._shares
        found = {**dict.fromkeys(PARTS, NOTHING), **parts}
        found["weights"] = exactly(self._base)
        if setup.adapter:
            found["adapter"] = exactly(setup.holds * self._trained * shares.weights)
        if name != "load":
            masters = _FLOAT * self._trained if setup.deepspeed >= 0 else 0
            states = state_bytes(setup.optimizer, self._tensors) + masters
            found["optimizer"] = exactly(states * shares.optimizer)
        found["communication"] = communication_bytes(
            self._shape, setup, self._trained, cuda=self._kind == "cuda"
        )
        found["library"] = constant("memory", f"library_{self._kind}")
        if setup.four_bit and self._kind == "cpu":
            found["library"] = summed([found["library"], constant("memory", "four_bit_cpu")])
        moving = summed(found[each] for each in _COMING_AND_GOING)
        share = constant("memory", f"fragmentation_{self._kind}").of(moving)
        found["fragmentation"] = summed([constant("memory", f"heap_{self._kind}"), share])
        return Moment(name, found)

    def _at_the_loss(self) -> dict[str, Interval]:
        """Return the parts when the backward pass begins: all activations and logits are there."""
        logits = self._shape.vocabulary * self._rows.number * self._rows.labelled
        collected = self._trained if self._setup.accumulation > 1 else 0
        return {
            "activations": self._stored(len(self._shape.layers)),
            "casts": exactly(self._casts(len(self._shape.layers))),
            "logits": exactly(_LOSS * logits),
            "gradients": self._gradients(collected),
        }

    def _in_the_backward_pass(self) -> dict[str, Interval]:
        """Return the parts in the backward pass of the layer at which most is needed."""
        above = [*accumulate(reversed(self._layer_numbers))][::-1]
        head = sum(each.numbers for each in self._outside if not each.is_table)
        if self._shape.tied:
            head = sum(each.numbers for each in self._outside)
        found = []
        for at in (0, len(self._shape.layers) - 1):
            stored = self._stored(at)
            here = self._layer(at)
            computed = self._trained if self._setup.accumulation > 1 else above[at] + head
            found.append(
                {
                    "activations": summed([stored, here]),
                    "casts": exactly(self._casts(0 if self._setup.checkpointing else at)),
                    "gradients": self._gradients(computed),
                    "temporaries": self._temporary(here, last=at == 0),
                }
            )
        return max(found, key=lambda parts: summed(parts.values()).expected)

    def _at_the_update(self) -> dict[str, Interval]:
        step = step_bytes(self._setup.optimizer, self._tensors, self._kind)
        if self._setup.deepspeed >= 0:
            step += _FLOAT * self._trained  # the gradients in 32 bits
        step *= self._shares.optimizer
        return {
            "gradients": self._gradients(self._trained),
            "temporaries": Interval(0.0, step, 1.5 * step),
        }

    def _gradients(self, numbers: float) -> Interval:
        return exactly(self._setup.holds * numbers * self._shares.gradients)

    def _stored(self, layers: int) -> Interval:
        """Return what the first `layers` keep: with checkpointing, only what each is given."""
        shape, setup, rows = self._shape, self._setup, self._rows
        outside = 2 * stream_bytes(shape, setup, rows)
        if setup.checkpointing:
            return self._spread.times(layers * stream_bytes(shape, setup, rows) + outside)
        kept = sum(self._kept(at) for at in range(layers))
        return self._spread.times(kept + outside)

    def _layer(self, at: int) -> Interval:
        return self._spread.times(self._kept(at))

    def _kept(self, at: int) -> float:
        return kept_bytes(self._shape.layers[at], self._shape, self._setup, self._rows, self._kind)

    def _casts(self, layers: int) -> float:
        """Return the bytes of the copies in 16 bits of what the first `layers` have in 32."""
        setup, shape = self._setup, self._shape
        if setup.computes == _FLOAT or setup.mode == "lora" or setup.deepspeed >= 0 or setup.fsdp:
            return 0.0
        head = shape.vocabulary * shape.hidden
        if setup.four_bit:
            return setup.computes * head
        inside = sum(each.weights for layer in shape.layers[:layers] for each in layer.linear)
        return setup.computes * (inside + head)

    def _temporary(self, here: Interval, *, last: bool) -> Interval:
        """Return what the backward pass of a layer needs for a moment, beside what is kept."""
        parts = [constant("memory", "layer_gradients").of(here)]
        if self._setup.four_bit:
            largest = max(each.weights for each in self._shape.linear if not each.experts)
            parts.append(Interval(1.0, 1.0, 2.0).times(self._setup.computes * largest))
        tables = [each.numbers for each in self._outside if each.is_table]
        if last and tables:
            gradients = Interval(1.0, 2.0, 2.0) if self._shape.tied else Interval(0.0, 1.0, 1.0)
            parts.append(gradients.times(_FLOAT * max(tables)))
        return summed(parts)


def _spread(shape: Shape) -> Interval:
    """Return the bounds of what layers keep, as a share of the formula."""
    if shape.kept:
        low, high = shape.kept
        return Interval(low, (low + high) / 2, high)
    has_experts = any(each.experts for each in shape.linear)
    return constant("memory", "activations_of_experts" if has_experts else "activations")
