"""A service for the tests of a module: `sftc serve`, or the `PROGRAM` that the module defines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.services import SERVE, Client, process, rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder of the service, the only entry in the folder that it starts in."""
    parent = tmp_path_factory.mktemp("service") / "parent"
    parent.mkdir()
    return parent / "data"


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest, folder: Path) -> Iterator[Client]:
    """Return a client of the service."""
    program = getattr(request.module, "PROGRAM", SERVE)
    with process(folder, program, cwd=folder.parent) as running, Client(running.url) as client:
        yield client


@pytest.fixture
def file(service: Client) -> str:
    """Return the id of a training file that is ready."""
    return service.ready(rows(1))
