"""Appends the peak memory of each process with torch to the file in `PEAKS`, as a line of JSON.

Python runs this file at the start of every process that has the folder on its path.
"""

import atexit
import contextlib
import ctypes
import json
import os
import resource
import sys


def _write() -> None:
    torch = sys.modules.get("torch")
    if torch is None:
        return
    peaks = {"resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}
    with contextlib.suppress(AttributeError):
        counted = ctypes.CDLL(None).counted_most  # of `count_memory.c`, if it is loaded
        counted.restype = ctypes.c_long
        peaks["counted"] = counted()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        peaks["allocated"] = torch.cuda.max_memory_allocated()
        peaks["reserved"] = torch.cuda.max_memory_reserved()
    with open(os.environ["PEAKS"], "a", encoding="ascii") as file:
        file.write(json.dumps(peaks) + "\n")


if "PEAKS" in os.environ:
    atexit.register(_write)
