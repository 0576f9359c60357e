"""Rules about the files a config names, and the topology it claims."""

from collections.abc import Iterator
from os.path import normpath

from sftc.checks.resources import gpus
from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import split

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'
_COMPUTE = '\n[compute]\ngpu_type = "H100"\ngpu_count = 8\nnodes = 2\n'

_SAME_AS = {
    "gpu_type": "compute.gpu_type",
    **dict.fromkeys(("gpu_count", "gpus_per_node"), "compute.gpu_count"),
    **dict.fromkeys(("nodes", "node_count", "num_nodes"), "compute.nodes"),
}
_ALL_GPUS = ("world_size", "total_gpus")


def _two_files(document: Document, contract: Contract) -> Iterator[Finding]:
    if document.value("job.data", str) is not None and document.value("job.data_path", str) is not None:
        path = split("job.data_path")
        message = "`data_path` is another name for `data`, which stands too and wins"
        span = document.span(path, "key")
        yield TWO_TRAINING_FILES.finding(span, message, path=path, help="remove one of the two")


def _same_file(document: Document, contract: Contract) -> Iterator[Finding]:
    training = document.value("job.data", str) or document.value("job.data_path", str)
    validation = document.value("data.validation_path", str)
    if training and validation and normpath(training) == normpath(validation):
        path = split("data.validation_path")
        message = "the validation file is the training file"
        help = "name rows that are not trained on"
        yield VALIDATION_IS_TRAINING.finding(document.span(path), message, path=path, help=help)


def _topology(document: Document, contract: Contract) -> Iterator[Finding]:
    topology, total = document.value("data.topology", dict) or {}, gpus(document)
    for name, key in _SAME_AS.items():
        expected = document.get(split(key))
        if name in topology and type(topology[name]) is type(expected) and _differ(topology[name], expected):
            if name == "gpu_count" and total and topology[name] == total.number:
                continue  # all of them, which it may mean too
            yield _contradiction(document, name, f"`{key}` is {document.snippet(split(key))}")
    for name in _ALL_GPUS:
        if total and type(topology.get(name)) is int and topology[name] != total.number:
            yield _contradiction(document, name, f"the config asks for {total} GPUs")
    containers = topology.get("container_count")
    if total and type(containers) is int and containers > total.number:
        yield _contradiction(document, "container_count", f"the config asks for {total} GPUs")


def _differ(one: object, other: object) -> bool:
    return one.lower() != other.lower() if isinstance(one, str) and isinstance(other, str) else one != other


def _contradiction(document: Document, name: str, fact: str) -> Finding:
    path = ("data", "topology", name)
    message = f"`{name}` is {document.snippet(path)} in the topology, but {fact}"
    help = "make the two agree: the service checks the topology against its resources"
    return TOPOLOGY_CONTRADICTION.finding(document.span(path), message, path=path, help=help)


TWO_TRAINING_FILES = Rule(
    id="two-training-files",
    severity=Severity.WARNING,
    title="both names of the training file are set",
    why="`data` wins. Whoever changes `data_path` trains on the other file.",
    act="Keep `data`.",
    invalid=_JOB + 'data = "train.jsonl"\ndata_path = "other.jsonl"\n',
    valid=_JOB + 'data = "train.jsonl"\n',
    check=_two_files,
)

VALIDATION_IS_TRAINING = Rule(
    id="validation-is-training",
    severity=Severity.WARNING,
    title="the validation file is the training file",
    why="A loss on rows that are trained on falls whatever happens: it tells nothing of how the model does on others, and picks the best model by memory.",
    act="Split off some rows, and validate on those.",
    invalid=_JOB + 'data = "train.jsonl"\n\n[data]\nvalidation_path = "./train.jsonl"\n',
    valid=_JOB + 'data = "train.jsonl"\n\n[data]\nvalidation_path = "val.jsonl"\n',
    check=_same_file,
)

TOPOLOGY_CONTRADICTION = Rule(
    id="topology-contradiction",
    severity=Severity.WARNING,
    title="the topology contradicts [compute]",
    why="The service checks the topology against the resources it gives, and refuses a job in which they differ.",
    act="Make the figures agree, or leave them out of the topology.",
    invalid=_JOB + _COMPUTE + "\n[data.topology]\nnodes = 4\n",
    valid=_JOB + _COMPUTE + "\n[data.topology]\nnodes = 2\ncontainer_count = 2\n",
    check=_topology,
)

RULES = (TWO_TRAINING_FILES, VALIDATION_IS_TRAINING, TOPOLOGY_CONTRADICTION)
