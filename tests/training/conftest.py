"""What the tests of training share: a tiny model, rows, and jobs."""

from pathlib import Path

import pytest

import tiny_model


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model `tiny` in it."""
    folder = tmp_path_factory.mktemp("models")
    tiny_model.write(folder / "tiny")
    return folder
