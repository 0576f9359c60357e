"""Every test of a command runs in its own folder with the `FILES` of its module."""

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
    """Return the write end of a pipe whose read end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)
