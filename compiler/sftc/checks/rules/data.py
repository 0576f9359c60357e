"""Rules about the files a config names, and the topology it declares."""

from collections.abc import Iterator
from os.path import normpath
from typing import Any, Final

from sftc.checks.config import Config, Setting
from sftc.checks.resources import GPU_COUNT, NODES, gpus
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule

DATA: Final[Setting[object]] = Setting("job.data", str, list)
DATA_PATH: Final = Setting("job.data_path", str)
VALIDATION_PATH: Final = Setting("data.validation_path", str)
TOPOLOGY: Final = Setting("data.topology", dict)
GPU_TYPE: Final = Setting("compute.gpu_type", str)

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'
_COMPUTE = '\n[compute]\ngpu_type = "H100"\ngpu_count = 8\nnodes = 2\n'

_SAME_AS: Final[dict[str, Setting[Any]]] = {
    "gpu_type": GPU_TYPE,
    **dict.fromkeys(("gpu_count", "gpus_per_node"), GPU_COUNT),
    **dict.fromkeys(("nodes", "node_count", "num_nodes"), NODES),
}
"""Names in a topology, and the setting whose value each repeats."""

_ALL_GPUS: Final = ("world_size", "total_gpus")


def training_files(config: Config) -> list[str]:
    """Return the paths of the training files that the config names, in order."""
    path = config.given(DATA_PATH)
    named = config.given(DATA) or path
    return [
        each for each in (named if isinstance(named, list) else [named]) if isinstance(each, str) and each
    ]


def validation_file(config: Config) -> str | None:
    """Return the path of the validation file that the config names."""
    return config.given(VALIDATION_PATH)


def _two_files(config: Config) -> Iterator[Finding]:
    if config.given(DATA) is not None and config.given(DATA_PATH) is not None:
        message = "`data_path` is another name for `data`, which is set too and takes precedence"
        span = config.span(DATA_PATH, "key")
        yield TWO_TRAINING_FILES.finding(span, message, path=DATA_PATH.path, help="remove one of the two")


def _same_file(config: Config) -> Iterator[Finding]:
    validation = validation_file(config)
    if validation and normpath(validation) in map(normpath, training_files(config)):
        message = "the validation file is a training file"
        help = "name a file with rows that are not trained on"
        span = config.span(VALIDATION_PATH)
        yield VALIDATION_IS_TRAINING.finding(span, message, path=VALIDATION_PATH.path, help=help)


def _topology(config: Config) -> Iterator[Finding]:
    topology, total = config.given(TOPOLOGY) or {}, gpus(config)
    for name, setting in _SAME_AS.items():
        expected = config.given(setting)
        if name in topology and type(topology[name]) is type(expected) and _differ(topology[name], expected):
            if name == "gpu_count" and total and topology[name] == total.number:
                continue  # it may also mean the GPUs of all nodes
            yield _contradiction(config, name, f"`{setting.key}` is {config.snippet(setting)}")
    for name in _ALL_GPUS:
        if total and type(topology.get(name)) is int and topology[name] != total.number:
            yield _contradiction(config, name, f"the config asks for {total} GPUs")
    containers = topology.get("container_count")
    if total and type(containers) is int and containers > total.number:
        yield _contradiction(config, "container_count", f"the config asks for {total} GPUs")


def _differ(one: object, other: object) -> bool:
    return one.lower() != other.lower() if isinstance(one, str) and isinstance(other, str) else one != other


def _contradiction(config: Config, name: str, fact: str) -> Finding:
    path = (*TOPOLOGY.path, name)
    message = f"`{name}` is {config.document.snippet(path)} in the topology, but {fact}"
    help = "make the two agree: the service checks the topology against its resources"
    return TOPOLOGY_CONTRADICTION.finding(config.document.span(path), message, path=path, help=help)


TWO_TRAINING_FILES = Rule(
    id="two-training-files",
    severity=Severity.WARNING,
    title="both names of the training file are set",
    why="`data` takes precedence. A person who changes `data_path` still trains on the other file.",
    act="Keep `data`.",
    invalid=_JOB + 'data = "train.jsonl"\ndata_path = "other.jsonl"\n',
    valid=_JOB + 'data = "train.jsonl"\n',
)

VALIDATION_IS_TRAINING = Rule(
    id="validation-is-training",
    severity=Severity.WARNING,
    title="the validation file is a training file",
    why="The loss on rows that are trained on falls in any case. It does not show how the model does on other rows, and it selects the best model by memorization.",
    act="Split off some rows, and validate on those.",
    invalid=_JOB + 'data = "train.jsonl"\n\n[data]\nvalidation_path = "./train.jsonl"\n',
    valid=_JOB + 'data = "train.jsonl"\n\n[data]\nvalidation_path = "val.jsonl"\n',
)

TOPOLOGY_CONTRADICTION = Rule(
    id="topology-contradiction",
    severity=Severity.WARNING,
    title="the topology contradicts [compute]",
    why="The service checks the topology against the resources of the job, and refuses a job in which they differ.",
    act="Make the numbers agree, or leave them out of the topology.",
    invalid=_JOB + _COMPUTE + "\n[data.topology]\nnodes = 4\n",
    valid=_JOB + _COMPUTE + "\n[data.topology]\nnodes = 2\ncontainer_count = 2\n",
)

RULES = (TWO_TRAINING_FILES, VALIDATION_IS_TRAINING, TOPOLOGY_CONTRADICTION)
CHECKS = (_two_files, _same_file, _topology)
