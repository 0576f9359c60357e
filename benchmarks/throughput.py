"""Measure `sftc.compile` on distinct configs in one process on one core; print the results as JSON.

Configs are lengthened in one of two tables: in `[data.topology]`, the last table, or in
`[hyperparameters.parallelism]`, the most expensive one, because each unknown key there is compared
with the known keys.
"""

import json
import os
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from statistics import median

import sftc

TEXT = Path(sys.argv[1]).read_text(encoding="utf-8")
CONFIGS = 2000
RUNS = 7
SIZES = (40, 4000)


def configs(lines: int, table: str) -> list[str]:
    """Return distinct configs of `lines` lines each. The longer they are, the fewer are returned."""
    return [_config(lines, table, number) for number in range(CONFIGS * 40 // lines)]


def _config(lines: int, table: str, number: int) -> str:
    added = "".join(f"knob_{line} = {line / 7}\n" for line in range(lines - TEXT.count("\n")))
    text = TEXT.replace("n_epochs = 3", f"n_epochs = {number + 1}")
    return text.replace(f"[{table}]\n", f"[{table}]\n{added}")


def seconds_each(act: Callable[[str], object], texts: list[str]) -> float:
    """Return the seconds that `act` takes per text, as the median of several runs."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        for text in texts:
            act(text)
        times.append((time.perf_counter() - start) / len(texts))
    return median(times)


def growth(table: str) -> float:
    """Return the time per line at the largest size, divided by the time per line at the smallest."""
    small, large = (seconds_each(compile_, configs(lines, table)) / lines for lines in SIZES)
    return large / small


def compile_(text: str) -> bytes:
    """Compile the valid config `text`."""
    compiled = sftc.compile(text)
    if compiled.findings:
        sys.exit("the benchmark config is not valid")
    return compiled.to_bytes()


if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
short = configs(40, "data.topology")
compiling = seconds_each(compile_, short)
figures = {
    "configs_a_second": 1 / compiling,
    "ratio_to_tomllib": compiling / seconds_each(tomllib.loads, short),
    "growth_in_topology": growth("data.topology"),
    "growth_in_parallelism": growth("hyperparameters.parallelism"),
}
print(json.dumps(figures))
