"""The findings about a run and its device, on the lines of the config."""

from collections.abc import Iterator, Sequence
from typing import Final

from sftc.checks.config import Config
from sftc.checks.resources import PER_DEVICE_BATCH
from sftc.checks.rules.data import GPU_TYPE
from sftc.checks.rules.run import SEQUENCE_LENGTH
from sftc.estimate.base_numbers import BaseNumbers
from sftc.estimate.devices import Device
from sftc.estimate.estimate_run import RunEstimate
from sftc.estimate.fit_run import Remedy, fit_run
from sftc.estimate.packaged_table import GIB
from sftc.estimate.row_lengths import RowLengths
from sftc.findings.finding import Finding
from sftc.findings.stage_rules.estimates import (
    FITS_BARELY,
    GPU_UNDERUSED,
    SEQUENCE_LONGER_THAN_DATA,
    WILL_NOT_FIT,
)

_UNUSED: Final = 0.4
"""The share of a GPU below which it is underused, if a smaller part of the batch goes through it at once."""

_FAR: Final = 2
"""How many times longer than every row a `sequence_length` is that a finding names."""


def judge_run(
    config: Config, run: RunEstimate, base: BaseNumbers, lengths: RowLengths | None = None
) -> Iterator[Finding]:
    """Yield the findings about a run on the device that it was estimated for.

    Args:
        config: the config, without errors.
        run: the estimate.
        base: the numbers of the base model.
        lengths: the tokens of the rows to train on, if they are known.
    """
    if run.device and run.fit and run.fit.word != "fits":
        yield _does_not_fit(config, run, base, run.device, lengths)
    elif run.device and run.fit and run.device.kind == "cuda" and run.fit.share < _UNUSED:
        yield from _underused(config, run, run.device)
    yield from _longer_than_data(config, lengths)


def _does_not_fit(
    config: Config, run: RunEstimate, base: BaseNumbers, device: Device, lengths: RowLengths | None
) -> Finding:
    total = run.together
    rows = f"with rows of {run.rows.length:,} tokens, "
    message = (
        f"{'' if run.certainly_fails else rows}the run takes {_gib(total.low)} to {_gib(total.high)} GiB of "
        f"memory, and {device.name} has {_gib(device.usable)}"
    )
    fitted = fit_run(run, base, device, lengths)
    smaller = " an adapter (`training.mode`)," if run.setup.mode == "full" else ""
    help = _advice(fitted.changes) if fitted else f"train{smaller} a smaller model, or on a larger device"
    rule = WILL_NOT_FIT if total.low > device.usable else FITS_BARELY
    return rule.finding(config.span(GPU_TYPE), message, path=GPU_TYPE.path, help=help)


def _advice(changes: Sequence[Remedy]) -> str:
    written = " and ".join(f"`{each.text}`" for each in changes)
    costs = "; ".join(dict.fromkeys(each.cost for each in changes))
    return f"it fits with {written} ({costs}): `sftc estimate --fit`"


def _underused(config: Config, run: RunEstimate, device: Device) -> Iterator[Finding]:
    setup = run.setup
    if setup.accumulation == 1:
        return
    message = (
        f"the run takes at most {run.together.high / device.usable:.0%} of the {_gib(device.usable)} GiB of "
        f"{device.name}, in {setup.accumulation:,} passes of {setup.per_device:,} a step"
    )
    help = "raise `per_device_batch` and lower `gradient_accumulation_steps` by the same factor"
    yield GPU_UNDERUSED.finding(config.span(PER_DEVICE_BATCH), message, path=PER_DEVICE_BATCH.path, help=help)


def _longer_than_data(config: Config, lengths: RowLengths | None) -> Iterator[Finding]:
    limit = config.given(SEQUENCE_LENGTH)
    if lengths and limit and limit >= _FAR * (longest := round(lengths.longest.high)):
        message = f"`sequence_length` is {limit:,}, but no row has more than {longest:,} tokens"
        yield SEQUENCE_LONGER_THAN_DATA.finding(
            config.span(SEQUENCE_LENGTH), message, path=SEQUENCE_LENGTH.path, help=f"lower it to {longest}"
        )


def _gib(size: float) -> str:
    return f"{size / GIB:,.1f}"
