"""Rules about batch sizes that contradict one another."""

from collections.abc import Iterator
from typing import Final

from sftc.checks.config import Config, Setting
from sftc.checks.resources import PER_DEVICE_BATCH, known_batch
from sftc.contract.json_types import fits_64_bits
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule

GLOBAL_BATCH: Final = Setting("hyperparameters.global_batch", int)
BATCH_SIZE: Final = Setting("hyperparameters.batch_size", int)

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\ngpu_count = 8\n\n[hyperparameters]\n'


def _mismatch(config: Config) -> Iterator[Finding]:
    written = config.given(GLOBAL_BATCH)
    product, is_whole = known_batch(config)
    if not written or not product.number or written == product.number:
        return
    if is_whole:
        message = f"`global_batch` is {written}, but the other keys make {product}"
        is_sent = fits_64_bits(product.number)
        help = f"write `global_batch = {product.number}`, leave it out" if is_sent else "leave it out"
        help += ", or change a factor"
    elif written % product.number:
        message = f"`global_batch` is {written}, which is not a multiple of {product}"
        help = "make it a multiple, leave it out, or change a factor"
    else:
        return
    span = config.span(GLOBAL_BATCH)
    yield GLOBAL_BATCH_MISMATCH.finding(span, message, path=GLOBAL_BATCH.path, help=help)


def _two_sizes(config: Config) -> Iterator[Finding]:
    batch, device = config.given(BATCH_SIZE), config.given(PER_DEVICE_BATCH)
    if batch and device:
        message = f"`batch_size = {batch}` and `per_device_batch = {device}` are both set, and only one of them can count"
        help = "keep `per_device_batch`, and set the total with `gradient_accumulation_steps`"
        yield TWO_BATCH_SIZES.finding(config.span(BATCH_SIZE), message, path=BATCH_SIZE.path, help=help)


GLOBAL_BATCH_MISMATCH = Rule(
    id="global-batch-mismatch",
    severity=Severity.WARNING,
    title="the global batch is not the product of its parts",
    why="The global batch is batch a GPU x accumulated steps x copies of the model. If the config sets both and they differ, the run follows one of them, and the learning rate was chosen for the other.",
    act="Make the numbers agree, or leave `global_batch` out.",
    invalid=_JOB + "global_batch = 100\nper_device_batch = 1\ngradient_accumulation_steps = 8\n",
    valid=_JOB + "global_batch = 64\nper_device_batch = 1\ngradient_accumulation_steps = 8\n",
)

TWO_BATCH_SIZES = Rule(
    id="two-batch-sizes",
    severity=Severity.WARNING,
    title="`batch_size` and `per_device_batch` are both set",
    why="`batch_size` may be read as rows a GPU or as rows in all. Beside `per_device_batch`, one of the two is ignored.",
    act="Keep `per_device_batch`.",
    invalid=_JOB + "batch_size = 8\nper_device_batch = 1\n",
    valid=_JOB + "per_device_batch = 1\n",
)

RULES = (GLOBAL_BATCH_MISMATCH, TWO_BATCH_SIZES)
CHECKS = (_mismatch, _two_sizes)
