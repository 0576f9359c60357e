"""The process that trains: `python -m sftc.training.worker FILE`, with a job as `task` writes it."""

import fcntl
import os
import sys
from pathlib import Path

from sftc.service.executor import FailedError
from sftc.training import parent, task
from sftc.training.machine import probe
from sftc.training.memory import out_of_memory
from sftc.training.plan import RefusedError
from sftc.training.telling import Tell


def main() -> None:
    """Train a job, and tell how it goes; one process of several, where torchrun started it."""
    parent.follow()
    tell = Tell.take_stdout()
    file = Path(sys.argv[1])
    lock = (file.parent / f"lock{os.environ.get('RANK', '')}").open("ab")
    fcntl.flock(lock, fcntl.LOCK_EX)  # one of a service that was killed may not be gone yet
    work = task.read(file)
    try:
        from sftc.training.job import prepare, train

        if "RANK" in os.environ:
            from sftc.training.launching import join

            join(file)
            train(work, tell)
        elif (plan := prepare(work, probe(), tell)).is_distributed:
            from sftc.training.launching import launch

            tell.give_stdout_back()
            launch(file, plan.processes)
        else:
            train(work, tell)
    except (FailedError, RefusedError) as error:
        tell.failed(str(error))
        sys.exit(1)  # so that the other processes of the job are ended
    except Exception as error:
        if not (reason := out_of_memory(error)):
            raise
        tell.failed(reason)
        sys.exit(1)


if __name__ == "__main__":
    main()
