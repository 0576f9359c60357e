"""Rules about how a run is spread over GPUs, and in which precision."""

from collections.abc import Iterator
from typing import Final

from sftc.checks.config import Config, Setting
from sftc.checks.resources import PIPELINE_PARALLEL, TENSOR_PARALLEL, gpus, model_parallel
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule

BF16: Final = Setting("hyperparameters.parallelism.bf16", bool)
FP16: Final = Setting("hyperparameters.parallelism.fp16", bool)
FSDP: Final = Setting("hyperparameters.parallelism.fsdp", bool)
USE_DEEPSPEED: Final = Setting("hyperparameters.parallelism.use_deepspeed", bool)
DEEPSPEED_STAGE: Final = Setting("hyperparameters.parallelism.deepspeed_stage", int)

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\ngpu_count = 8\n\n'
_PARALLELISM = f"{_JOB}[hyperparameters.parallelism]\n"


def _two_precisions(config: Config) -> Iterator[Finding]:
    if config.given(BF16) and config.given(FP16):
        message = "`fp16` and `bf16` are both on, but a run computes in one precision"
        help = "keep `bf16` on GPUs that have it, such as A100 and H100; `fp16` on older ones"
        yield TWO_PRECISIONS.finding(config.span(FP16), message, path=FP16.path, help=help)


def _two_shardings(config: Config) -> Iterator[Finding]:
    if config.given(USE_DEEPSPEED) and config.given(FSDP):
        message = "`fsdp` and `use_deepspeed` are both on, and each shards the model in its own way"
        help = "turn one of them off"
        yield TWO_SHARDINGS.finding(config.span(FSDP), message, path=FSDP.path, help=help)


def _stage_without_deepspeed(config: Config) -> Iterator[Finding]:
    stage = config.given(DEEPSPEED_STAGE)
    if stage is not None and not config.given(USE_DEEPSPEED):
        message = f"`deepspeed_stage = {stage}` has no effect, because `use_deepspeed` is not on"
        help = "add `use_deepspeed = true`, or remove the stage"
        span = config.span(DEEPSPEED_STAGE)
        yield STAGE_WITHOUT_DEEPSPEED.finding(span, message, path=DEEPSPEED_STAGE.path, help=help)


def _uneven(config: Config) -> Iterator[Finding]:
    total, size = gpus(config), model_parallel(config)
    if total and total.number % size.number:
        setting = TENSOR_PARALLEL if (config.given(TENSOR_PARALLEL) or 1) > 1 else PIPELINE_PARALLEL
        message = f"{size} GPUs hold one copy of the model, but {total} cannot be split into such groups"
        help = "choose sizes whose product divides the number of GPUs"
        yield UNEVEN_PARALLELISM.finding(config.span(setting), message, path=setting.path, help=help)


TWO_PRECISIONS = Rule(
    id="two-precisions",
    severity=Severity.WARNING,
    title="fp16 and bf16 are both on",
    why="Trainers refuse the pair, or silently use one of the two.",
    act="Turn one of them off.",
    invalid=_PARALLELISM + "bf16 = true\nfp16 = true\n",
    valid=_PARALLELISM + "bf16 = true\n",
)

TWO_SHARDINGS = Rule(
    id="two-shardings",
    severity=Severity.WARNING,
    title="DeepSpeed and FSDP are both on",
    why="Both shard the model, and a trainer runs only one of them.",
    act="Turn one of them off.",
    invalid=_PARALLELISM + "use_deepspeed = true\nfsdp = true\n",
    valid=_PARALLELISM + "fsdp = true\n",
)

STAGE_WITHOUT_DEEPSPEED = Rule(
    id="stage-without-deepspeed",
    severity=Severity.WARNING,
    title="a DeepSpeed stage is set, but DeepSpeed is not on",
    why="Nothing is sharded then, and a model that fits in stage 3 runs out of memory.",
    act="Turn DeepSpeed on, or remove the stage.",
    invalid=_PARALLELISM + "deepspeed_stage = 3\n",
    valid=_PARALLELISM + "use_deepspeed = true\ndeepspeed_stage = 3\n",
)

UNEVEN_PARALLELISM = Rule(
    id="uneven-parallelism",
    severity=Severity.WARNING,
    title="tensor and pipeline parallel sizes do not divide the GPUs",
    why="Every copy of the model takes tensor x pipeline GPUs. With a remainder the launch fails, or GPUs that you pay for are idle.",
    act="Choose sizes whose product divides `gpu_count` x `nodes`.",
    invalid=_PARALLELISM + "tensor_parallel_size = 3\n",
    valid=_PARALLELISM + "tensor_parallel_size = 2\npipeline_parallel_size = 2\n",
)

RULES = (TWO_PRECISIONS, TWO_SHARDINGS, STAGE_WITHOUT_DEEPSPEED, UNEVEN_PARALLELISM)
CHECKS = (_two_precisions, _two_shardings, _stage_without_deepspeed, _uneven)
