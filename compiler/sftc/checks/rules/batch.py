"""Rules about batch sizes that contradict one another."""

from collections.abc import Iterator

from sftc.checks.resources import known_batch
from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import split

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\ngpu_count = 8\n\n[hyperparameters]\n'


def _mismatch(document: Document, contract: Contract) -> Iterator[Finding]:
    written = document.value("hyperparameters.global_batch", int)
    product, is_whole = known_batch(document)
    if not written or not product.number or written == product.number:
        return
    path = split("hyperparameters.global_batch")
    if is_whole:
        message = f"`global_batch` is {written}, but the other figures make {product}"
        help = f"write `global_batch = {product.number}`, leave it out, or change a factor"
    elif written % product.number:
        message = f"`global_batch` is {written}, which is no multiple of {product}"
        help = "make it a multiple, leave it out, or change a factor"
    else:
        return
    yield GLOBAL_BATCH_MISMATCH.finding(document.span(path), message, path=path, help=help)


def _two_sizes(document: Document, contract: Contract) -> Iterator[Finding]:
    batch = document.value("hyperparameters.batch_size", int)
    device = document.value("hyperparameters.per_device_batch", int)
    if batch and device:
        path = split("hyperparameters.batch_size")
        message = f"`batch_size = {batch}` stands beside `per_device_batch = {device}`, and which one counts is not said"
        help = "keep `per_device_batch`, and say the total with `gradient_accumulation_steps`"
        yield TWO_BATCH_SIZES.finding(document.span(path), message, path=path, help=help)


GLOBAL_BATCH_MISMATCH = Rule(
    id="global-batch-mismatch",
    severity=Severity.WARNING,
    title="the global batch is not the product of its parts",
    why="Batch a GPU x accumulated steps x copies of the model is the global batch. Where both are written and differ, the run follows one of them, and the learning rate was chosen for the other.",
    act="Make the figures agree, or leave `global_batch` out.",
    invalid=_JOB + "global_batch = 100\nper_device_batch = 1\ngradient_accumulation_steps = 8\n",
    valid=_JOB + "global_batch = 64\nper_device_batch = 1\ngradient_accumulation_steps = 8\n",
    check=_mismatch,
)

TWO_BATCH_SIZES = Rule(
    id="two-batch-sizes",
    severity=Severity.WARNING,
    title="a batch size stands beside a batch a GPU",
    why="`batch_size` may be read as rows a GPU or rows in all; beside `per_device_batch` one of the two is ignored.",
    act="Keep `per_device_batch`.",
    invalid=_JOB + "batch_size = 8\nper_device_batch = 1\n",
    valid=_JOB + "per_device_batch = 1\n",
    check=_two_sizes,
)

RULES = (GLOBAL_BATCH_MISMATCH, TWO_BATCH_SIZES)
