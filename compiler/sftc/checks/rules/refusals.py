"""Rules about certain refusals of the service, from the target's table of refusals."""

from collections.abc import Iterator, Mapping
from typing import Final

from sftc.checks.config import Config
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import ABSENT, dotted


def _missing(config: Config) -> Iterator[Finding]:
    if config.contract.target not in config.targets:
        return
    for code, path in config.contract.refusals:
        table = config.document.get(path[:-1])
        if (table is ABSENT or isinstance(table, dict)) and config.document.get(path) is ABSENT:
            message = f"`{dotted(path)}` is missing: the service refuses the job with HTTP 400 `{code}`"
            example = config.contract.example(path)
            help = f"add `{path[-1]} = {example}`, with your own value, to `[{dotted(path[:-1])}]`"
            span = config.document.span(path[:-1], "key")
            yield BY_CODE[code].finding(span, message, path=path, help=help)


MISSING_GPU_TYPE = Rule(
    id="missing-gpu-type",
    severity=Severity.WARNING,
    title="no GPU type is set",
    why="The service refuses a job without `compute.gpu_type` (HTTP 400, `missing_gpu_type`), and only after the files are uploaded.",
    act="Set `gpu_type` in `[compute]` to the GPU to run on.",
    invalid='[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_count = 1\n',
    valid='[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\ngpu_count = 1\n',
)

RULES = (MISSING_GPU_TYPE,)
BY_CODE: Final[Mapping[str, Rule]] = {rule.id.replace("-", "_"): rule for rule in RULES}
"""The rule about each refusal of the table, by the error code of the service."""

CHECKS = (_missing,)
