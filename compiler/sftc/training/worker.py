"""The process that trains: `python -m sftc.training.worker FILE`, with a job as `job_spec` writes it."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path
from threading import Thread

from sftc.service.executor import FailedError
from sftc.training import job_spec
from sftc.training.machine import out_of_memory, probe
from sftc.training.plan import UnsupportedJobError
from sftc.training.reporter import Reporter

_PARENT_CHECK = 0.5
"""Seconds between looks at whether the parent is still there."""


def main() -> None:
    """Train a job and report its progress; under torchrun, be one of several processes."""
    exit_with_parent()
    reporter = Reporter.take_stdout()
    file = Path(sys.argv[1])
    lock = (file.parent / f"lock{os.environ.get('RANK', '')}").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)  # the process of a killed service may still be ending
    work = job_spec.read_spec(file)
    try:
        from sftc.training.run_job import prepare_job, train_job

        if "RANK" in os.environ:
            from sftc.training.launch import join

            join(file)
            train_job(work, reporter)
        elif (plan := prepare_job(work, probe(), reporter)).is_distributed:
            from sftc.training.launch import launch

            reporter.give_stdout_back()
            launch(file, plan.processes)
        else:
            train_job(work, reporter)
    except (FailedError, UnsupportedJobError) as error:
        reporter.failed(str(error))
        sys.exit(1)  # so that the other processes of the job are ended
    except Exception as error:
        if not (reason := out_of_memory(error)):
            raise
        reporter.failed(reason)
        sys.exit(1)


def exit_with_parent() -> None:
    """End this process, and those in its group, soon after the one that started it."""
    Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
