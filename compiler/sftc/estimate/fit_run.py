"""The least change of a config with which its run fits a device."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final, NamedTuple

import orjson

from sftc.checks.config import Setting
from sftc.checks.resources import ACCUMULATION, PER_DEVICE_BATCH
from sftc.checks.rules.lora import MODE
from sftc.checks.rules.parallelism import FSDP
from sftc.checks.rules.run import SEQUENCE_LENGTH
from sftc.estimate.base_numbers import BaseNumbers
from sftc.estimate.devices import Device
from sftc.estimate.estimate_run import RunEstimate, estimate_setup
from sftc.estimate.row_lengths import RowLengths
from sftc.estimate.training_setup import TrainingSetup
from sftc.text.keys import Path, dotted

CHECKPOINTING: Final = Setting("hyperparameters.parallelism.activation_checkpointing", bool)

_SHORTEST: Final = 512
"""The tokens below which `sequence_length` is not lowered."""


class Remedy(NamedTuple):
    """A key, its new value, and what that costs the run."""

    path: Path
    value: Any
    cost: str

    @property
    def text(self) -> str:
        """The key with its new value, as TOML writes it."""
        return f"{dotted(self.path)} = {self.written}"

    @property
    def written(self) -> str:
        """The new value, as TOML writes it."""
        return orjson.dumps(self.value).decode()


class Fitted(NamedTuple):
    """The changes with which a run fits, the one that costs least first, and its estimate then."""

    changes: tuple[Remedy, ...]
    run: RunEstimate


def fit_run(
    run: RunEstimate, base: BaseNumbers, device: Device, lengths: RowLengths | None = None
) -> Fitted | None:
    """Return the least change with which the run fits `device` for certain; `None` if there is none.

    What costs the run least is tried first: to compute activations again, to split the same batch into
    more passes, shorter sequences, 4 bits, sharding.

    Args:
        run: the estimate of the run, which does not fit.
        base: the numbers of its base model.
        device: the device.
        lengths: the tokens of the rows to train on, if they are known.
    """
    for changes, setup in _variants(run, lengths):
        changed = estimate_setup(setup, base, device, lengths)
        if changed.fit and changed.fit.word == "fits":
            return Fitted(changes, changed)
    return None


def _variants(
    run: RunEstimate, lengths: RowLengths | None
) -> Iterator[tuple[tuple[Remedy, ...], TrainingSetup]]:
    """Yield all changes of the settings, those that cost least first."""
    setup = run.setup
    for shards, four_bit, length, per_device, checkpoints in product(
        _choices(
            possible=setup.mode == "full" and setup.devices > 1 and not setup.fsdp and setup.deepspeed < 0
        ),
        _choices(possible=setup.mode == "lora"),
        [*_lengths(run, lengths)],
        [*_batches(setup)],
        _choices(possible=not setup.checkpointing),
    ):
        accumulation = setup.accumulation * setup.per_device // per_device
        changed = setup._replace(
            fsdp=setup.fsdp or shards,
            mode="qlora" if four_bit else setup.mode,
            length=length or setup.length,
            per_device=per_device,
            accumulation=accumulation,
            checkpointing=setup.checkpointing or checkpoints,
        )
        if changes := tuple(_changes(setup, changed)):
            yield changes, changed


def _choices(*, possible: bool) -> tuple[bool, ...]:
    return (False, True) if possible else (False,)


def _batches(setup: TrainingSetup) -> Iterator[int]:
    """Yield the rows per device of the same effective batch, from those of the config down to one."""
    rows = setup.per_device
    yield from (each for each in range(rows, 0, -1) if rows % each == 0)


def _lengths(run: RunEstimate, lengths: RowLengths | None) -> Iterator[int]:
    """Yield 0 for the length of the config, and shorter ones."""
    yield 0
    length = run.rows.length // 2
    while length >= _SHORTEST and not (lengths and length < lengths.longest.low):
        yield length
        length //= 2


def _changes(before: TrainingSetup, after: TrainingSetup) -> Iterator[Remedy]:
    if after.checkpointing != before.checkpointing:
        yield Remedy(CHECKPOINTING.path, True, "about a third more time")
    if after.per_device != before.per_device:
        yield Remedy(PER_DEVICE_BATCH.path, after.per_device, "the same batch in more passes: some more time")
        yield Remedy(ACCUMULATION.path, after.accumulation, "the same batch in more passes: some more time")
    if after.length != before.length:
        yield Remedy(SEQUENCE_LENGTH.path, after.length, "longer rows are cut")
    if after.mode != before.mode:
        yield Remedy(MODE.path, after.mode, "the base model is rounded to 4 bits, and each pass takes longer")
    if after.fsdp != before.fsdp:
        yield Remedy(FSDP.path, True, "the devices exchange weights in each pass")
