"""Rules about a config and its training files together."""

import os
from collections.abc import Iterator
from typing import Final

from sftc.checks.config import Config, Setting
from sftc.checks.resources import effective_batch
from sftc.checks.rules.batch import GLOBAL_BATCH
from sftc.checks.rules.data import VALIDATION_PATH, validation_file
from sftc.checks.rules.evaluation import EVAL_STEPS, SAVE_BEST, strategy
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.findings.stage_rules.rows import RELATIVE_PATHS
from sftc.text.plural import counted

HYPERPARAMETERS: Final = Setting("hyperparameters", dict)
EPOCHS: Final = Setting("hyperparameters.n_epochs", int)
SEQUENCE_LENGTH: Final = Setting("hyperparameters.sequence_length", int)

TRAIN_ON: Final = Setting("hyperparameters.train_on", str)


def sequence_length(config: Config) -> int | None:
    """Return the tokens of a sequence, if the config sets them."""
    length = config.given(SEQUENCE_LENGTH)
    return length if length and length > 0 else None


def check_run(config: Config, rows: int | None, *, has_validation: bool) -> Iterator[Finding]:
    """Yield what a config and its files show together.

    Args:
        config: the config.
        rows: the number of rows to train on; `None` if they were not all read.
        has_validation: whether the config names a validation file, and it exists.
    """
    if not has_validation:
        yield from _missing(config)
        yield from _best_model(config)
    batch, made_of = _batch(config)
    if not batch or not rows:
        return
    path, span = HYPERPARAMETERS.path, config.span(HYPERPARAMETERS, "key")
    if rows < batch:
        message = f"the training file has {counted(rows, 'row')}, and one step takes {made_of}"
        help = f"make the batch at most {counted(rows, 'row')}"
        yield BATCH_EXCEEDS_ROWS.finding(span, message, path=path, help=help)
        return
    epochs = config.effective(EPOCHS) or 1
    an_epoch = -(-rows // batch)
    total = an_epoch * epochs
    message = f"{counted(rows, 'row')} by {made_of}: {counted(an_epoch, 'step')} an epoch, {total:,} in all"
    yield STEPS.finding(span, message, path=path)
    steps = config.given(EVAL_STEPS) or 0
    if steps > total and strategy(config) == "steps":
        message = f"`eval_steps` is {steps:,}, but the whole run has {counted(total, 'step')} ({made_of} rows a step)"
        help = f"write at most `eval_steps = {total}`"
        yield EVAL_STEPS_BEYOND_RUN.finding(config.span(EVAL_STEPS), message, path=EVAL_STEPS.path, help=help)


def _batch(config: Config) -> tuple[int, str]:
    written = config.given(GLOBAL_BATCH)
    if written and written > 0:
        return written, f"{written} (global_batch)"
    product = effective_batch(config)
    return (product.number, str(product)) if product else (0, "")


def _missing(config: Config) -> Iterator[Finding]:
    if named := validation_file(config):
        message = f"no file `{named}` in this folder: the job runs without validation"
        span = config.span(VALIDATION_PATH)
        help = None if os.path.isabs(named) else RELATIVE_PATHS
        yield VALIDATION_FILE_MISSING.finding(span, message, path=VALIDATION_PATH.path, help=help)


def _best_model(config: Config) -> Iterator[Finding]:
    if config.effective(SAVE_BEST) is True and strategy(config) != "no" and not validation_file(config):
        by_default = "" if config.is_set(SAVE_BEST) else ", which is the default,"
        message = (
            f"the run is to keep the best model{by_default} but has no validation file to select it with"
        )
        help = "set `data.validation_path` to an existing file, or `save_best_model_at_end = false`"
        yield BEST_MODEL_WITHOUT_FILE.finding(config.span(SAVE_BEST), message, path=SAVE_BEST.path, help=help)


STEPS = Rule(
    id="steps",
    severity=Severity.NOTE,
    title="how many steps the run has",
    why="A step is one update of the weights, on one global batch. The rows and the batch determine how many there are.",
    act="Compare it with what you expect. Nothing needs to change.",
)

BATCH_EXCEEDS_ROWS = Rule(
    id="batch-exceeds-rows",
    severity=Severity.WARNING,
    title="there are fewer rows than one global batch",
    why="A step takes a whole batch of rows. With fewer rows an epoch is less than one step, which is padded, cut or dropped.",
    act="Make the batch smaller, or add rows.",
)

EVAL_STEPS_BEYOND_RUN = Rule(
    id="eval-steps-beyond-run",
    severity=Severity.WARNING,
    title="the first evaluation comes after the end of the run",
    why="Evaluation runs every `eval_steps` steps. If the run has fewer steps, there is no evaluation, and so no best model.",
    act="Write a smaller `eval_steps`, or evaluate once an epoch.",
)

VALIDATION_FILE_MISSING = Rule(
    id="validation-file-missing",
    severity=Severity.WARNING,
    title="the validation file does not exist",
    why="Paths are resolved from the current working directory. The job runs without validation.",
    act="Correct `data.validation_path`, or run the command from the folder that the path is relative to.",
)

BEST_MODEL_WITHOUT_FILE = Rule(
    id="best-model-without-file",
    severity=Severity.WARNING,
    title="the best model should be kept, but there is no validation file",
    why="The best model is the one that does best on the validation file. Without that file there is nothing to select it with.",
    act="Name a validation file, or set `save_best_model_at_end = false`.",
)

RULES = (
    STEPS,
    BATCH_EXCEEDS_ROWS,
    EVAL_STEPS_BEYOND_RUN,
    VALIDATION_FILE_MISSING,
    BEST_MODEL_WITHOUT_FILE,
)
