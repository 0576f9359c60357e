"""The option `--jobs` of commands that read training files."""

import os

import click

MOST_JOBS = 8
"""With more processes the one that reads and hashes is what all others wait for."""


def cores() -> int:
    """Return how many processes to use where nothing is said."""
    number = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(number or 1, MOST_JOBS)


jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    default=cores,
    help=f"The number of processes; one a core by default, {MOST_JOBS} at most.",
)
"""The option `--jobs`."""
