"""The exit of a training process, which a thread that hangs must not prevent."""

import os
import sys
import traceback
from collections.abc import Callable
from threading import Event
from typing import Final

_HANGS: Final = Event()


def skip_cleanup() -> None:
    """Make `exit_after` skip what is registered for the exit of this process, because it would hang."""
    _HANGS.set()


def exit_after(work: Callable[[], None]) -> None:
    """Call `work`; then, after `skip_cleanup`, end this process at once, with the status that is due."""
    status: object = 0
    try:
        work()
    except BaseException as error:
        if not _HANGS.is_set():
            raise
        status = error.code if isinstance(error, SystemExit) else 1
        if not isinstance(error, SystemExit):
            traceback.print_exc()
    if _HANGS.is_set():
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)
