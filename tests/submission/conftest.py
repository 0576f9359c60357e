"""Every test of submission runs in its own folder with the `FILES` of its module."""

from pathlib import Path

import pytest

from support.orders import Client


@pytest.fixture(autouse=True)
def folder(own_folder: Path) -> Path:
    """Return the current folder."""
    return own_folder


@pytest.fixture
def client(folder: Path) -> Client:
    """Return a client with a journal in the folder."""
    return Client(folder)
