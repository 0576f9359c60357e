"""The training process: `python -m sftc.training.worker FILE`, where `FILE` is a job specification."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from threading import Thread

from sftc.service.executor import FailedError
from sftc.training import job_spec
from sftc.training.machine import disk_full, out_of_memory, probe
from sftc.training.make_plan import UnsupportedJobError
from sftc.training.process_exit import exit_after
from sftc.training.process_start import importing
from sftc.training.reporter import Reporter

_PARENT_CHECK = 0.5
"""Interval in seconds at which the process checks that its parent is alive."""


def main() -> None:
    """Train a job and report its progress. Under torchrun, this is one process of several."""
    exit_with_parent()
    reporter = Reporter.take_stdout()
    file = Path(sys.argv[1])
    lock = (file.parent / f"lock{os.environ.get('RANK', '')}").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)  # a worker of a killed service may still be running
    work = job_spec.read_spec(file)
    try:
        with importing():
            from sftc.training.run_job import prepare_job, train_job

            machine = probe()
        if "RANK" in os.environ:
            from sftc.training.launch import join

            join(file)
        elif (plan := prepare_job(work, machine, reporter)).is_distributed:
            from sftc.training.launch import launch

            reporter.give_stdout_back()
            launch(file, plan.processes)
            return
        with importing():
            import sftc.training.fit  # noqa: F401  `train_job` needs it
        train_job(work, reporter)
    except (FailedError, UnsupportedJobError) as error:
        reporter.failed(str(error), resumes=getattr(error, "resumes", False))
        sys.exit(1)  # makes torchrun end the other processes
    except Exception as error:
        full = disk_full(error) and f"the disk is full: {error}. Free space, and run the same command again"
        if not (reason := full or out_of_memory(error)):
            raise
        reporter.failed(reason, resumes=bool(full))
        sys.exit(1)


def exit_with_parent() -> None:
    """Kill this process and its process group soon after its parent exits."""
    Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    exit_after(main)
