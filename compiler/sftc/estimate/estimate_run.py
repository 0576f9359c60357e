"""The estimate of a config: its base model, its settings and its device together."""

from math import ceil, floor
from typing import Final, NamedTuple

from sftc.checks.config import Config
from sftc.estimate.activations import Rows
from sftc.estimate.base_numbers import BaseNumbers
from sftc.estimate.devices import Device
from sftc.estimate.interval import Interval
from sftc.estimate.memory import Fit, MemoryEstimate, estimate_memory, fit_of
from sftc.estimate.row_lengths import RowLengths
from sftc.estimate.shapes import Shape, UnknownShapeError, shape_of
from sftc.estimate.training_setup import TrainingSetup, training_setup

_SHORT: Final = 128
"""The tokens that the longest row of any training file has at least."""


class RunEstimate(NamedTuple):
    """What a run needs, and what that was computed from.

    Attributes:
        base: the numbers of the base model.
        shape: its shape.
        parameters: its parameters.
        setup: the settings of the run.
        rows: the rows of a forward pass.
        device: the device, if one is named.
        memory: the memory that each device needs.
        least: the bytes that it needs even if rows are short, and little of them is trained on.
        assumptions: what was assumed about this run, because nothing says it.
    """

    base: BaseNumbers
    shape: Shape
    parameters: int
    setup: TrainingSetup
    rows: Rows
    device: Device | None
    memory: MemoryEstimate
    least: float
    assumptions: tuple[str, ...]

    @property
    def together(self) -> Interval:
        """The bytes that all processes on one device need: on a CPU, they share its memory."""
        return self.memory.total.times(self._processes)

    @property
    def fit(self) -> Fit | None:
        """Whether the run fits the device; `None` if none is named."""
        return fit_of(self.together, self.device) if self.device else None

    @property
    def certainly_fails(self) -> bool:
        """Whether the run cannot fit the device, whatever its rows are."""
        return self.device is not None and self.least * self._processes > self.device.usable

    @property
    def _processes(self) -> int:
        """The processes on one device."""
        return self.setup.devices if self.device is not None and self.device.kind == "cpu" else 1


def estimate_run(
    config: Config, base: BaseNumbers, device: Device | None, lengths: RowLengths | None = None
) -> RunEstimate:
    """Return the estimate of a config without errors.

    Args:
        config: the config.
        base: the numbers of its base model.
        device: the device to train on, if one is named.
        lengths: the tokens of the rows to train on, if they are known.

    Raises:
        UnknownShapeError: the numbers of the base model do not say what its tensors are, or how long its
            sequences are if the config does not.
    """
    return estimate_setup(training_setup(config), base, device, lengths)


def estimate_setup(
    setup: TrainingSetup, base: BaseNumbers, device: Device | None, lengths: RowLengths | None = None
) -> RunEstimate:
    """Return the estimate of a run with the settings `setup`; the rest as in `estimate_run`."""
    shape = shape_of(base.config)
    parameters, assumptions = _parameters(shape, base), []
    if base.is_known:
        assumptions.append(f"the model is not on this machine; its shape is from {base.source}")
    if parameters != shape.parameters:
        more = parameters - shape.parameters
        assumptions.append(f"the files of the model have {more:,} parameters beside those of its text part")
    length = setup.length or shape.longest
    if not length:
        raise UnknownShapeError("the config sets no `sequence_length`, and config.json names no limit")
    if lengths and (longest := ceil(lengths.longest.high)) <= length:
        assumptions.append(f"no row has more than {longest:,} tokens: {lengths.source}")
        if not (setup.packing and setup.length):
            length = longest
    elif not setup.length:
        assumptions.append(
            f"the config sets no `sequence_length`: rows may have {length:,} tokens, all that the model reads"
        )
    assumptions.append("the longest batch has only rows of that length, and every token is trained on")
    uneven = setup.per_device > 1 and not setup.packing
    if uneven:
        assumptions.append("the rows of a batch differ in length; the low bound is for rows of one length")
    kind = device.kind if device else "cuda"
    rows = Rows(setup.per_device, length, length, uneven or setup.packing)
    memory = estimate_memory(shape, setup, rows, kind, parameters)
    if uneven:
        even = estimate_memory(shape, setup, rows._replace(padded=False), kind, parameters)
        memory = memory.from_low(even)
    shortest = floor(lengths.longest.low) if lengths else setup.length or _SHORT
    least = Rows(setup.per_device, min(length, shortest), 1, padded=False)
    lowest = estimate_memory(shape, setup, least, kind, parameters).total.low
    return RunEstimate(base, shape, parameters, setup, rows, device, memory, lowest, tuple(assumptions))


def _parameters(shape: Shape, base: BaseNumbers) -> int:
    """Return the parameters that are loaded: those of the files, in which tied tensors may be twice."""
    if "quantization_config" in base.config or base.parameters <= shape.parameters:
        return shape.parameters
    twice = base.parameters - shape.parameters == shape.vocabulary * shape.hidden and shape.tied
    return shape.parameters if twice else base.parameters
