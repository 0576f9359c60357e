"""What a training process is given to do, as a file in the job's folder."""

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
"""Variables that the same bytes of the same job depend on."""


class ExecutorOptions(NamedTuple):
    """How jobs are trained on this machine: where models are, and what is allowed."""

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
    """Write what `task` is into its folder, once, and return the file.

    Options that it was begun with stay: a job that goes on is the one that was begun.
    """
    path = task.folder / "work.json"
    if not path.exists():
        files = [str(file) for file in task.files.values()]
        work = JobSpec(
            task.id,
            dict(task.payload),
            files[0],
            files[1] if len(files) > 1 else None,
            str(task.folder),
            options,
        )
        aside = path.with_suffix(".part")
        aside.write_bytes(orjson.dumps({**work._asdict(), "options": options._asdict()}))
        os.replace(aside, path)
    return path


def read_spec(path: Path) -> JobSpec:
    """Return what `write` wrote."""
    values = orjson.loads(path.read_bytes())
    return JobSpec(**{**values, "options": ExecutorOptions(**values["options"])})
