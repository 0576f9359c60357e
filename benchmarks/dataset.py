"""Measure `sftc dataset check` on 1 GB files: speed, memory and time to the first finding.

Speeds are ratios to a bare loop of `orjson.loads` over the lines of the same file in one process.
The runs alternate. Two such loops in parallel show the gain from a second core of the machine.
"""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from measure import ENVIRONMENTS, HERE, QUIET, Command, environment, peak, publish, wall
from rows import SHAPES, write

GIGABYTE = 10**9
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
    text += "| `--jobs 1` / loop | `--jobs 2` / loop |\n| --- | --- | --- | --- | --- | --- |\n"
    for shape in SHAPES:
        path = file(shape, GIGABYTE)
        commands: list[Command] = [
            [python, "-c", LOOP, path],
            [python, "-c", READ, path],
            [*check, "--jobs", "1", path],
            [*check, "--jobs", "2", path],
        ]
        for command in commands:
            wall(command)
        times = [[*map(wall, commands), twice(commands[0]) / 2] for _ in range(RUNS)]
        loop = median(each[0] for each in times)
        reading, one, two, both = (median(each[0] / each[at] for each in times) for at in (1, 2, 3, 4))
        text += f"| {shape} | {GIGABYTE / loop / 1e6:.0f} | {1 / reading:.2f} | {both:.2f} "
        text += f"| {one:.2f} | {two:.2f} |\n"
        print(text.splitlines()[-1], flush=True)
    small, large = file("300-byte", GIGABYTE // 10), file("300-byte", 2 * GIGABYTE)
    memory = [peak([*check, "--jobs", "2", path]) for path in (small, large)]
    bad = ENVIRONMENTS / "bad.jsonl"
    with bad.open("wb") as into, file("4-KB", GIGABYTE).open("rb") as rest:
        into.write(b'{"messages": []}\n')
        while piece := rest.read(1 << 20):
            into.write(piece)
    first, end = map(median, zip(*(answers(check, bad) for _ in range(RUNS)), strict=True))
    text += f"""
The columns with a slash are ratios of speeds. Targets: 1.0 with one job, 1.9 with two jobs.

Peak memory of `--jobs 2`, all processes together: {memory[0]:.0f} MB for 100 MB of 300-byte rows, and
{memory[1]:.0f} MB for 2 GB (target: constant, below 200 MB).

In a 1 GB file with an error in its first row, the finding appears after {first:.2f} s (target: 0.3 s). With
`--max-errors 1`, the command ends after {end:.2f} s.
"""
    head = (
        f"Measured by `benchmarks/dataset.py` on {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}. 1 GB files; medians of {RUNS} alternating runs.\n\n"
    )
    publish("Training files", head + text)
    print(text)


if __name__ == "__main__":
    main()
