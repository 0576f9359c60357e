"""Rules about a config and its training files together."""

from collections.abc import Iterator
from os.path import exists
from typing import NamedTuple

from sftc.checks.resources import effective_batch
from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import ABSENT, split

_TABLE = split("training.validation")


class RowCount(NamedTuple):
    """How many rows the training file has."""

    training: int


def check_run(document: Document, contract: Contract, rows: RowCount | None) -> Iterator[Finding]:
    """Yield what the config and its files together say; `rows` is absent where they are not known."""
    yield from _missing(document)
    yield from _best_model(document, contract)
    batch, made_of = _batch(document)
    if not batch or not rows or not rows.training:
        return
    path = split("hyperparameters")
    span = document.span(path, "key")
    if rows.training < batch:
        message = f"the training file has {rows.training:,} rows, and one step takes {made_of}"
        yield BATCH_EXCEEDS_ROWS.finding(
            span, message, path=path, help=f"make the batch at most {rows.training:,} rows"
        )
        return
    epochs = document.value("hyperparameters.n_epochs", int) or _default(contract, "hyperparameters.n_epochs")
    an_epoch = -(-rows.training // batch)
    total = an_epoch * epochs
    message = f"{rows.training:,} rows by {made_of} are {an_epoch:,} steps an epoch, {total:,} in all"
    yield STEPS.finding(span, message, path=path)
    steps = document.value("training.validation.eval_steps", int) or 0
    if steps > total and _evaluates(document, contract) == "steps":
        path = (*_TABLE, "eval_steps")
        message = f"`eval_steps` is {steps:,}, and the whole run has {total:,} steps ({made_of} rows a step)"
        help = f"write at most `eval_steps = {total}`"
        yield EVAL_STEPS_BEYOND_RUN.finding(document.span(path), message, path=path, help=help)


def _batch(document: Document) -> tuple[int, str]:
    written = document.value("hyperparameters.global_batch", int)
    if written and written > 0:
        return written, f"{written} (global_batch)"
    product = effective_batch(document)
    return (product.number, str(product)) if product else (0, "")


def _default(contract: Contract, key: str) -> int:
    value: int = contract.properties[split(key)]["default"]
    return value


def _setting(document: Document, contract: Contract, name: str) -> object:
    value = document.get((*_TABLE, name))
    return contract.properties[(*_TABLE, name)]["default"] if value is ABSENT else value


def _evaluates(document: Document, contract: Contract) -> object:
    """Return by what evaluation goes, `no` where there is none."""
    if not isinstance(document.get(_TABLE), dict) or _setting(document, contract, "enabled") is not True:
        return "no"
    return _setting(document, contract, "evaluation_strategy")


def _missing(document: Document) -> Iterator[Finding]:
    named = document.value("data.validation_path", str)
    if named and not exists(named):
        path = split("data.validation_path")
        message = f"there is no file `{named}` as seen from this folder: the job goes on without validation"
        yield VALIDATION_FILE_MISSING.finding(document.span(path), message, path=path)


def _best_model(document: Document, contract: Contract) -> Iterator[Finding]:
    named = document.value("data.validation_path", str)
    saves = _setting(document, contract, "save_best_model_at_end") is True
    if saves and _evaluates(document, contract) != "no" and not (named and exists(named)):
        path = (*_TABLE, "save_best_model_at_end")
        is_default = document.get(path) is ABSENT
        message = (
            f"the best model is to be kept{', which is the default,' if is_default else ''} "
            "and there is no validation file to tell which one that is"
        )
        help = "set `data.validation_path` to a file that is there, or `save_best_model_at_end = false`"
        yield BEST_MODEL_WITHOUT_FILE.finding(document.span(path), message, path=path, help=help)


STEPS = Rule(
    id="steps",
    severity=Severity.NOTE,
    title="how many steps the run has",
    why="A step is one update of the weights, on one global batch. The rows and the batch say how many there are.",
    act="Compare it with what you meant; nothing needs to change.",
)

BATCH_EXCEEDS_ROWS = Rule(
    id="batch-exceeds-rows",
    severity=Severity.WARNING,
    title="there are fewer rows than one global batch",
    why="A step takes a batch of rows. With fewer rows an epoch is less than one step: it is padded, cut or dropped.",
    act="Make the batch smaller, or add rows.",
)

EVAL_STEPS_BEYOND_RUN = Rule(
    id="eval-steps-beyond-run",
    severity=Severity.WARNING,
    title="the first evaluation would come after the end of the run",
    why="Evaluation runs every `eval_steps` steps. Where the run has fewer, there is none, and with it no best model.",
    act="Write a smaller `eval_steps`, or evaluate once an epoch.",
)

VALIDATION_FILE_MISSING = Rule(
    id="validation-file-missing",
    severity=Severity.WARNING,
    title="the validation file is not there",
    why="Paths are resolved from the folder you are in. The job goes on without validation.",
    act="Correct `data.validation_path`, or run the command where the path holds.",
)

BEST_MODEL_WITHOUT_FILE = Rule(
    id="best-model-without-file",
    severity=Severity.WARNING,
    title="the best model is to be kept, and there is no validation file",
    why="The best model is the one that does best on the validation file. Without one there is nothing to choose by.",
    act="Name a validation file, or set `save_best_model_at_end = false`.",
)

ROW_CANNOT_FIT = Rule(
    id="row-cannot-fit",
    severity=Severity.WARNING,
    title="a row cannot fit `sequence_length`",
    why="What is beyond the length is cut off, most often the end of the answer. The bound is 16 bytes a token: English takes about 4, and no tokenizer in use comes near 16 over a whole row. Rows below it may be too long, too.",
    act="Raise `sequence_length`, or split the row.",
)

LABELS_CUT_OFF = Rule(
    id="labels-cut-off",
    severity=Severity.WARNING,
    title="all that a row teaches is cut off",
    why="The first answer begins beyond `sequence_length`, by the same bound of 16 bytes a token. Nothing is left to learn from, and the run looks fine.",
    act="Raise `sequence_length`, or shorten what stands before the answer.",
)

RULES = (
    STEPS,
    BATCH_EXCEEDS_ROWS,
    EVAL_STEPS_BEYOND_RUN,
    VALIDATION_FILE_MISSING,
    BEST_MODEL_WITHOUT_FILE,
    ROW_CANNOT_FIT,
    LABELS_CUT_OFF,
)
