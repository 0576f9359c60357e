"""A process that does not outlive the one that started it, however that came to its end."""

import os
import signal
import time
from threading import Thread

_SECONDS = 0.5


def follow() -> None:
    """End this process, and those in its group, soon after the one that started it."""
    Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS)
    os.killpg(0, signal.SIGKILL)
