"""The job specification: a file in the job's folder that the training process reads."""

from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from sftc.service.executor import Task
from sftc.training.durable import write_durably

REPEATABLE: Final = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "PYTHONHASHSEED": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Environment variables that make training reproducible: the same job gives the same bytes."""


class ExecutorOptions(NamedTuple):
    """How an executor trains jobs.

    Attributes:
        models: the folder of base models (`--models-dir`).
        download: whether base models may be downloaded (`--allow-download`).
        substitutes: whether settings may be substituted (`--allow-substitutions`).
    """

    models: str | None = None
    download: bool = False
    substitutes: bool = False


class JobSpec(NamedTuple):
    """A job for a training process; see `Task`. `training`, `validation` and `folder` are paths."""

    id: str
    payload: dict[str, Any]
    training: str
    validation: str | None
    folder: str
    options: ExecutorOptions
    git_revision: str | None = None


def write_spec(task: Task, options: ExecutorOptions) -> Path:
    """Write the specification of `task` to its folder, and return the path of the file.

    An existing file is kept, so a job that resumes keeps the options it was started with. A job that
    continues in the folder of another one has its own.
    """
    path = task.folder / "work.json"
    if not path.exists() or read_spec(path).id != task.id:
        spec = JobSpec(
            task.id,
            dict(task.payload),
            str(task.training),
            str(task.validation) if task.validation else None,
            str(task.folder),
            options,
            task.git_revision,
        )
        write_durably(path, orjson.dumps({**spec._asdict(), "options": options._asdict()}))
    return path


def read_spec(path: Path) -> JobSpec:
    """Return the specification in a file that `write_spec` wrote."""
    values = orjson.loads(path.read_bytes())
    return JobSpec(**{**values, "options": ExecutorOptions(**values["options"])})
