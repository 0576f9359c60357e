"""Rules about how a run is spread over GPUs, and in which precision."""

from collections.abc import Iterator

from sftc.checks.resources import gpus, model_parallel
from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import split

_TABLE = "hyperparameters.parallelism"
_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\ngpu_count = 8\n\n'
_PARALLELISM = f"{_JOB}[{_TABLE}]\n"


def _on(document: Document, name: str) -> bool:
    return document.value(f"{_TABLE}.{name}", bool) is True


def _two_precisions(document: Document, contract: Contract) -> Iterator[Finding]:
    if _on(document, "bf16") and _on(document, "fp16"):
        path = split(f"{_TABLE}.fp16")
        message = "`fp16` and `bf16` are both on, and a run computes in one precision"
        help = "keep `bf16` on GPUs that have it, such as A100 and H100; `fp16` on older ones"
        yield TWO_PRECISIONS.finding(document.span(path), message, path=path, help=help)


def _two_shardings(document: Document, contract: Contract) -> Iterator[Finding]:
    if _on(document, "use_deepspeed") and _on(document, "fsdp"):
        path = split(f"{_TABLE}.fsdp")
        message = "`fsdp` and `use_deepspeed` are both on, and each would shard the model its own way"
        yield TWO_SHARDINGS.finding(document.span(path), message, path=path, help="switch one of them off")


def _stage_without_deepspeed(document: Document, contract: Contract) -> Iterator[Finding]:
    stage = document.value(f"{_TABLE}.deepspeed_stage", int)
    if stage is not None and not _on(document, "use_deepspeed"):
        path = split(f"{_TABLE}.deepspeed_stage")
        message = f"`deepspeed_stage = {stage}` has no effect, since `use_deepspeed` is not on"
        help = "add `use_deepspeed = true`, or remove the stage"
        yield STAGE_WITHOUT_DEEPSPEED.finding(document.span(path), message, path=path, help=help)


def _uneven(document: Document, contract: Contract) -> Iterator[Finding]:
    total, size = gpus(document), model_parallel(document)
    if total and total.number % size.number:
        tensor = document.value(f"{_TABLE}.tensor_parallel_size", int)
        path = split(f"{_TABLE}.{'tensor' if tensor and tensor > 1 else 'pipeline'}_parallel_size")
        message = f"{size} GPUs hold one copy of the model, and {total} cannot be split into such groups"
        help = "choose sizes whose product divides the number of GPUs"
        yield UNEVEN_PARALLELISM.finding(document.span(path), message, path=path, help=help)


TWO_PRECISIONS = Rule(
    id="two-precisions",
    severity=Severity.WARNING,
    title="both fp16 and bf16 are on",
    why="Trainers refuse the pair, or one of the two wins without a word.",
    act="Switch one of them off.",
    invalid=_PARALLELISM + "bf16 = true\nfp16 = true\n",
    valid=_PARALLELISM + "bf16 = true\n",
    check=_two_precisions,
)

TWO_SHARDINGS = Rule(
    id="two-shardings",
    severity=Severity.WARNING,
    title="both DeepSpeed and FSDP are on",
    why="They are two ways to the same thing, and no trainer runs both at once.",
    act="Switch one of them off.",
    invalid=_PARALLELISM + "use_deepspeed = true\nfsdp = true\n",
    valid=_PARALLELISM + "fsdp = true\n",
    check=_two_shardings,
)

STAGE_WITHOUT_DEEPSPEED = Rule(
    id="stage-without-deepspeed",
    severity=Severity.WARNING,
    title="a DeepSpeed stage is set, but DeepSpeed is not on",
    why="Nothing is sharded then, and a model that fits in stage 3 runs out of memory.",
    act="Switch DeepSpeed on, or remove the stage.",
    invalid=_PARALLELISM + "deepspeed_stage = 3\n",
    valid=_PARALLELISM + "use_deepspeed = true\ndeepspeed_stage = 3\n",
    check=_stage_without_deepspeed,
)

UNEVEN_PARALLELISM = Rule(
    id="uneven-parallelism",
    severity=Severity.WARNING,
    title="tensor and pipeline parallel sizes do not divide the GPUs",
    why="Every copy of the model takes tensor x pipeline GPUs. With a remainder the launch fails, or GPUs that are paid for idle.",
    act="Choose sizes whose product divides `gpu_count` x `nodes`.",
    invalid=_PARALLELISM + "tensor_parallel_size = 3\n",
    valid=_PARALLELISM + "tensor_parallel_size = 2\npipeline_parallel_size = 2\n",
    check=_uneven,
)

RULES = (TWO_PRECISIONS, TWO_SHARDINGS, STAGE_WITHOUT_DEEPSPEED, UNEVEN_PARALLELISM)
