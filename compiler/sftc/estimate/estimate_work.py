"""The work of a run over its training files: steps, tokens, padding, and how long it takes."""

from typing import Final, NamedTuple

from sftc.checks.config import Config, Setting
from sftc.checks.rules.run import EPOCHS
from sftc.checks.rules.schedule import MAX_STEPS
from sftc.estimate.duration import Duration, duration_as, duration_on
from sftc.estimate.epoch import Epochs, epochs, steps_of
from sftc.estimate.estimate_run import RunEstimate
from sftc.estimate.interval import Interval
from sftc.estimate.row_lengths import RowLengths

SEED: Final = Setting("hyperparameters.seed", int)


class Rate(NamedTuple):
    """The tokens a second that `jobs` earlier jobs on this machine made."""

    tokens: Interval
    jobs: int


class WorkEstimate(NamedTuple):
    """What a run has to do.

    Attributes:
        lengths: the tokens of its rows.
        epochs: what an epoch is.
        number: the epochs of the run; a fraction if `max_steps` ends it earlier.
        steps: its optimizer steps.
        duration: how long it takes; `None` if nothing says how fast the device is.
    """

    lengths: RowLengths
    epochs: Epochs
    number: Interval
    steps: Interval
    duration: Duration | None


def estimate_work(
    config: Config, run: RunEstimate, lengths: RowLengths, rate: Rate | None = None
) -> WorkEstimate:
    """Return the work of a run.

    Args:
        config: the config, without errors.
        run: the estimate of its memory.
        lengths: the tokens of the rows to train on.
        rate: what earlier jobs made, which counts more than the table of speeds.
    """
    setup = run.setup
    found = epochs(lengths, setup, setup.length or run.shape.longest, config.effective(SEED) or 0)
    steps = steps_of(found, config.effective(EPOCHS) or 1, config.given(MAX_STEPS) or 0)
    number = Interval(*(each / epoch.steps for each, epoch in zip(steps, found, strict=True)))
    duration = None
    if rate:
        duration = duration_as(rate.tokens, found, number, rate.jobs)
    elif run.device:
        duration = duration_on(run.device, run.shape, setup, found, number)
    return WorkEstimate(lengths, found, number, steps, duration)
