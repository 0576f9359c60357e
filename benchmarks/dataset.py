"""Measure `sftc dataset check` on large files: speed, memory and time to the first finding.

Speeds are ratios to a bare loop of `orjson.loads` over the lines of the same file in one process.
The runs alternate. Two such loops in parallel show the gain from a second core of the machine, and
ratios of CPU times hold also on a machine with other work.
"""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from statistics import median

from measure import ENVIRONMENTS, HERE, QUIET, Command, cost, environment, peak, publish, wall
from rows import SHAPES, write

SIZE = 10**9
RUNS = 5
LOOP = "import orjson, sys\nfor line in open(sys.argv[1], 'rb'): orjson.loads(line)"
READ = "import sys\nwith open(sys.argv[1], 'rb', buffering=0) as file:\n    while file.read(1 << 19): pass"


def file(shape: str, size: int) -> Path:
    """Return a training file of about `size` bytes, and create it if it does not exist."""
    path = ENVIRONMENTS / f"{shape}-{size}.jsonl"
    if not path.exists():
        write(path, shape, size)
    return path


def twice(command: Command) -> float:
    """Return the seconds that two parallel runs of a command take."""
    start = time.perf_counter()
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL, env=QUIET) for _ in range(2)]
    if sum(run.wait() for run in runs):
        sys.exit(f"failed: {command}")
    return time.perf_counter() - start


def answers(check: Sequence[str | Path], path: Path) -> tuple[float, float]:
    """Return the seconds until the first finding is printed, and until `--max-errors 1` ends."""
    start = time.perf_counter()
    with subprocess.Popen([*check, path], stdout=subprocess.PIPE, env=QUIET) as run:
        if not run.stdout or not run.stdout.read(1):
            sys.exit("no finding in the file with an error")
        first = time.perf_counter() - start
        run.kill()
    start = time.perf_counter()
    subprocess.run([*check, "--max-errors", "1", path], stdout=subprocess.DEVNULL, env=QUIET, check=False)
    return first, time.perf_counter() - start


def main() -> None:
    """Run the benchmark, and publish the results."""
    ours = environment("dataset", f"{HERE.parent}[dataset]")
    python = ours / "python"
    check: list[str | Path] = [ours / "sftc", "dataset", "check"]
    text = "| rows | orjson loop, MB/s | loop / reading only | two parallel loops / loop "
    text += "| `--jobs 1` / loop | the same, CPU | `--jobs 2` / loop |\n" + "| --- " * 7 + "|\n"
    for shape in SHAPES:
        path = file(shape, SIZE)
        commands: list[Command] = [
            [python, "-c", LOOP, path],
            [python, "-c", READ, path],
            [*check, "--jobs", "1", path],
            [*check, "--jobs", "2", path],
        ]
        for command in commands:
            wall(command)
        runs = [([*map(cost, commands)], twice(commands[0]) / 2) for _ in range(RUNS)]
        loop = median(costs[0][0] for costs, _ in runs)
        reading, one, two = (median(costs[0][0] / costs[at][0] for costs, _ in runs) for at in (1, 2, 3))
        one_cpu = median(costs[0][1] / costs[2][1] for costs, _ in runs)
        both = median(costs[0][0] / half for costs, half in runs)
        text += f"| {shape} | {SIZE / loop / 1e6:.0f} | {1 / reading:.2f} | {both:.2f} "
        text += f"| {one:.2f} | {one_cpu:.2f} | {two:.2f} |\n"
        print(text.splitlines()[-1], flush=True)
    small, large = file("300-byte", SIZE // 10), file("300-byte", 2 * SIZE)
    memory = [peak([*check, "--jobs", "2", path]) for path in (small, large)]
    bad = ENVIRONMENTS / "bad.jsonl"
    with bad.open("wb") as into, file("4-KB", SIZE).open("rb") as rest:
        into.write(b'{"messages": []}\n')
        while piece := rest.read(1 << 20):
            into.write(piece)
    first, end = map(median, zip(*(answers(check, bad) for _ in range(RUNS)), strict=True))
    few = ENVIRONMENTS / "few.jsonl"
    with few.open("wb") as into, file("five-message", SIZE).open("rb") as rest:
        into.writelines(islice(rest, 200))
    bare: Command = [python, "-c", "pass"]
    start, small = map(
        median, zip(*((wall(bare), wall([*check, few])) for _ in range(4 * RUNS)), strict=True)
    )
    text += f"""
The columns with a slash are ratios of speeds. Targets: 1.0 with one job, 1.9 with two jobs.

Peak memory of `--jobs 2`, all processes together: {memory[0]:.0f} MB for {SIZE / 1e10:g} GB of 300-byte rows,
and {memory[1]:.0f} MB for {SIZE / 5e8:g} GB (target: constant, below 200 MB).

In such a file with an error in its first row, the finding appears after {first:.2f} s (target: 0.1 s). With
`--max-errors 1`, the command ends after {end:.2f} s. A file of 200 rows takes {small:.2f} s (target: 0.2 s),
Python alone {start:.2f} s.
"""
    head = (
        f"Measured by `benchmarks/dataset.py` on {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}. Files of {SIZE / 1e9:g} GB; medians of {RUNS} alternating\n"
        f"runs. Load average of the machine at the end: {os.getloadavg()[1]:.1f}.\n\n"
    )
    publish("Training files", head + text)
    print(text)


if __name__ == "__main__":
    main()
