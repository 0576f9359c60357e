"""Rules of the service: what it is known to refuse."""

from collections.abc import Iterator

from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import ABSENT

_GPU_TYPE = ("compute", "gpu_type")


def _missing_gpu_type(document: Document, contract: Contract) -> Iterator[Finding]:
    compute = document.get(_GPU_TYPE[:1])
    if (compute is ABSENT or isinstance(compute, dict)) and document.get(_GPU_TYPE) is ABSENT:
        message = (
            "`compute.gpu_type` is missing: the service refuses the job with HTTP 400 `missing_gpu_type`"
        )
        help = 'name the GPU to run on: `gpu_type = "H100"` in `[compute]`'
        yield MISSING_GPU_TYPE.finding(
            document.span(_GPU_TYPE[:1], "key"), message, path=_GPU_TYPE, help=help
        )


MISSING_GPU_TYPE = Rule(
    id="missing-gpu-type",
    severity=Severity.WARNING,
    title="no GPU type is named",
    why="The service refuses a job without `compute.gpu_type` (HTTP 400, `missing_gpu_type`), after the files were uploaded.",
    act="Name the GPU to run on in `[compute]`.",
    invalid='[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_count = 1\n',
    valid='[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\ngpu_count = 1\n',
    check=_missing_gpu_type,
)

RULES = (MISSING_GPU_TYPE,)
