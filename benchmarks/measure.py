"""Shared helpers of the benchmarks: timing, memory, environments and the results page."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

Command = Sequence[str | Path]
HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / "build" / "benchmarks"
QUIET = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}


def wall(command: Command) -> float:
    """Run a command, and return its wall time in seconds. The command must succeed."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=QUIET, check=True)
    return time.perf_counter() - start


def cost(command: Command) -> tuple[float, float]:
    """Run a command, and return its wall time and its CPU time in seconds. The command must succeed."""
    before = os.times()
    seconds = wall(command)
    after = os.times()
    user, system = after.children_user - before.children_user, after.children_system - before.children_system
    return seconds, user + system


def paired(one: Command, other: Command, runs: int) -> dict[str, float]:
    """Run two commands alternately, and return the medians of their times and of the ratio per pair."""
    wall(one)
    wall(other)
    pairs = [(wall(one), wall(other)) for _ in range(runs)]
    return {
        "seconds": median(a for a, _ in pairs),
        "reference_seconds": median(b for _, b in pairs),
        "ratio": median(a / b for a, b in pairs),
        "runs": runs,
    }


def peak(command: Command, **options: Any) -> float:
    """Return the peak memory of a command and its child processes together, in MB.

    Pages that several processes share are counted once.
    """
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=QUIET, **options) as run:
        while run.poll() is None:
            most = max(most, sum(map(_memory, _family(run.pid))))
            time.sleep(0.02)
        if run.returncode not in (0, 1):
            sys.exit(f"failed: {command}")
    return most / 1000


def _family(first: int) -> list[int]:
    parents = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            status = Path(f"/proc/{entry}/stat").read_text(encoding="utf-8", errors="replace")
            parents[int(entry)] = int(status.rpartition(")")[2].split()[1])
    family = [first]
    for each in family:
        family += [process for process, parent in parents.items() if parent == each]
    return family


def _memory(process: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def environment(name: str, *packages: str | Path) -> Path:
    """Create a virtual environment with `packages`, and return its `bin` folder."""
    folder = ENVIRONMENTS / name
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], env=QUIET, check=True)
    install = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    subprocess.run(install, env=QUIET, check=True)
    return folder / "bin"


def publish(title: str, text: str) -> None:
    """Replace the section `title` of RESULTS.md, or append it."""
    page = HERE / "RESULTS.md"
    found = re.findall(r"(?ms)^## ([^\n]*)\n\n(.*?)(?=^## |\Z)", page.read_text(encoding="utf-8"))
    parts = dict(found)
    parts[title] = text
    body = "".join(f"## {name}\n\n{part.strip()}\n\n" for name, part in parts.items())
    page.write_text(f"# Results\n\n{body}".rstrip() + "\n", encoding="utf-8")
