"""The specification of a job for its training process, as a file in the job's folder."""

import os
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from sftc.service.executor import Task

REPEATABLE: Final = {
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "PYTHONHASHSEED": "0",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Environment variables without which the same job does not give the same bytes."""


class ExecutorOptions(NamedTuple):
    """How this machine trains jobs: where base models are, and what is allowed."""

    models: str | None = None
    download: bool = False
    substitutes: bool = False


class JobSpec(NamedTuple):
    """A job for a training process; `training` and `validation` are paths of files."""

    id: str
    payload: dict[str, Any]
    training: str
    validation: str | None
    folder: str
    options: ExecutorOptions


def write_spec(task: Task, options: ExecutorOptions) -> Path:
    """Write the specification of `task` into its folder, once, and return the file.

    A job that resumes keeps the options that it was started with.
    """
    path = task.folder / "work.json"
    if not path.exists():
        spec = JobSpec(
            task.id,
            dict(task.payload),
            str(task.training),
            str(task.validation) if task.validation else None,
            str(task.folder),
            options,
        )
        aside = path.with_suffix(".part")
        aside.write_bytes(orjson.dumps({**spec._asdict(), "options": options._asdict()}))
        os.replace(aside, path)
    return path


def read_spec(path: Path) -> JobSpec:
    """Return the specification that `write_spec` wrote."""
    values = orjson.loads(path.read_bytes())
    return JobSpec(**{**values, "options": ExecutorOptions(**values["options"])})
