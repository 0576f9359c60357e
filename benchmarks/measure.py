"""How figures are taken: whole processes in turn, and ratios pair by pair."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

Command = Sequence[str | Path]
QUIET = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}


def wall(command: Command) -> float:
    """Return the wall time of a process in seconds; it must succeed."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=QUIET, check=True)
    return time.perf_counter() - start


def paired(one: Command, other: Command, runs: int) -> dict[str, float]:
    """Run two commands in turn; return the medians of both and of the ratio of each pair."""
    wall(one)
    wall(other)
    pairs = [(wall(one), wall(other)) for _ in range(runs)]
    return {
        "seconds": median(a for a, _ in pairs),
        "reference_seconds": median(b for _, b in pairs),
        "ratio": median(a / b for a, b in pairs),
        "runs": runs,
    }
