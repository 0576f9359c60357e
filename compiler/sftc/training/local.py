"""The local executor: trains each job in a child process, and restarts it if it is killed."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sftc.service.executor import FailedError, Report, Task
from sftc.training import job_spec as tasks
from sftc.training.checkpoints import CHECKPOINT, SEAL
from sftc.training.job_spec import REPEATABLE, ExecutorOptions

_TRIES: Final = 3
"""Maximum number of attempts that are killed without a new checkpoint."""

_GRACE: Final = 3.0
"""Seconds that a process has to exit after SIGTERM before SIGKILL."""

_LINE: Final = 1 << 20
"""Maximum length of a line that a training process prints, in bytes."""

_HERE: Final = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
"""Environment variables that keep distributed traffic on the loopback interface."""

_TORCHRUN: Final = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
"""Environment variables that torchrun sets for its processes."""


class LocalExecutor:
    """Trains jobs on this machine."""

    def __init__(self, options: ExecutorOptions) -> None:
        self._options = options

    async def run(self, task: Task, report: Report) -> str:
        """Train, and return the folder of the model.

        Raises:
            FailedError: training failed.
        """
        file = tasks.write_spec(task, self._options)
        tries = 0
        while tries < _TRIES:
            before = _progress(task.folder)
            worker = _Worker(file, report)
            code = await worker.run()
            if worker.failed:
                raise FailedError(worker.failed, resumes=worker.resumes)
            if worker.model:
                return worker.model
            if code >= 0:
                raise FailedError(
                    f"the training process exited with status {code}: {_last_words(task.folder)}"
                )
            tries = tries + 1 if _progress(task.folder) == before else 1
            report.event("restart", f"the training process was killed ({signal.Signals(-code).name})")
        raise FailedError(
            f"the training process was killed {_TRIES} times without progress; if the machine ran out of "
            "memory, lower `hyperparameters.per_device_batch` or `hyperparameters.sequence_length`"
        )


class _Worker:
    """A training process, and the result that it reported."""

    def __init__(self, file: Path, report: Report) -> None:
        self._file = file
        self._report = report
        self.model = ""
        self.failed = ""
        self.resumes = False

    async def run(self) -> int:
        with (self._file.parent / "worker.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "sftc.training.worker", str(self._file)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**_without_torchrun(), **REPEATABLE, **_HERE},
                start_new_session=True,
                limit=_LINE,
            )
        try:
            assert process.stdout  # noqa: S101  stdout=PIPE
            async for line in process.stdout:
                self._take(json.loads(line))
            return await process.wait()
        finally:
            await _stop(process)

    def _take(self, told: dict[str, Any]) -> None:
        match told:
            case {"event": [type, message, data]}:
                self._report.event(type, message, data)
            case {"metric": [name, step, value]}:
                self._report.metric(name, step, value)
            case {"failed": reason}:
                self.failed, self.resumes = reason, told.get("resumes", False)
            case {"done": model}:
                self.model = model


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End a process and its process group: SIGTERM, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _GRACE)


def _without_torchrun() -> dict[str, str]:
    """Return the environment without torchrun's variables.

    They are set if the service itself runs under torchrun or in a cluster job.
    """
    return {name: value for name, value in os.environ.items() if name not in _TORCHRUN}


def _progress(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob(f"{CHECKPOINT}*/{SEAL}"))


def _last_words(folder: Path) -> str:
    """Return the last line of the log of the training process, and the path of the log."""
    lines = (folder / "worker.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"{lines[-1][:500] if lines else 'no output'} (full log: {folder / 'worker.log'})"
