"""Every test of a command runs in a folder of its own, which holds the `FILES` of its module."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.program import Dataset, Program


@pytest.fixture(autouse=True)
def folder(own_folder: Path) -> Path:
    """Return the current folder."""
    return own_folder


@pytest.fixture
def sftc(sftc_program: str) -> Program:
    """Return the installed command."""
    return Program(sftc_program)


@pytest.fixture
def dataset(sftc_program: str) -> Dataset:
    """Return `sftc dataset`."""
    return Dataset(sftc_program)


@pytest.fixture
def closed_pipe() -> Iterator[int]:
    """Return the writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)
