"""Compile distinct configs in one process, on one core; print figures as JSON.

Added lines stand in `[data.topology]`, the last table of the config, or, as the dearest
kind of line there is, in `[hyperparameters.parallelism]`, where each unknown key is held
against the known ones.
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
    """Return distinct configs of so many lines, fewer of them the longer they are."""
    return [_config(lines, table, number) for number in range(CONFIGS * 40 // lines)]


def _config(lines: int, table: str, number: int) -> str:
    added = "".join(f"knob_{line} = {line / 7}\n" for line in range(lines - TEXT.count("\n")))
    text = TEXT.replace("n_epochs = 3", f"n_epochs = {number + 1}")
    return text.replace(f"[{table}]\n", f"[{table}]\n{added}")


def seconds_each(act: Callable[[str], object], texts: list[str]) -> float:
    """Return the median over several runs of the seconds that `act` takes on one of `texts`."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        for text in texts:
            act(text)
        times.append((time.perf_counter() - start) / len(texts))
    return median(times)


def growth(table: str) -> float:
    """Return the time a line takes at the largest size, as a ratio to that at the smallest."""
    small, large = (seconds_each(compile_, configs(lines, table)) / lines for lines in SIZES)
    return large / small


def compile_(text: str) -> bytes:
    """Compile `text`, which is valid."""
    compiled = sftc.compile(text)
    if compiled.findings:
        sys.exit("the config that is measured is not valid")
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
