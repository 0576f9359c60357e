"""A training process that something would keep from its exit ends with the status that is due."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading
from sftc.training.process_exit import exit_after, skip_cleanup

threading.Thread(target=threading.Event().wait).start()
atexit.register(threading.Event().wait)

def work():
    skip_cleanup()
    {end}

exit_after(work)
"""


@pytest.mark.parametrize(
    ("end", "status", "said"),
    [
        ("pass", 0, ""),
        ("sys.exit(1)", 1, ""),
        ("sys.exit(3)", 3, ""),
        ("raise ValueError('broken')", 1, "ValueError: broken"),
        ("raise KeyboardInterrupt", 1, "KeyboardInterrupt"),
    ],
)
def test_a_hung_tracker_neither_keeps_a_process_nor_hides_its_failure(
    end: str, status: int, said: str
) -> None:
    command = [sys.executable, "-c", PROGRAM.format(end=end)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status
    assert done.stderr.strip().endswith(said)
