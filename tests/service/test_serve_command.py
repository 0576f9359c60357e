"""`sftc serve` reports why it cannot start, without a traceback."""

import socket
import subprocess
from pathlib import Path

import pytest

from support.services import SERVE

pytestmark = pytest.mark.measured


def refused(folder: Path, *options: str) -> str:
    """Return the error message of `sftc serve`."""
    command = [*SERVE, "--port", "0", "--data-dir", str(folder), *options]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode in {1, 2}
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    return run.stderr


@pytest.mark.parametrize("token", ["", " ", "two words", "é", "line\nbreak"])
def test_a_token_that_does_not_fit_in_a_header_is_refused(tmp_path: Path, token: str) -> None:
    assert "ASCII characters without spaces" in refused(tmp_path, "--token", token)


def test_an_invalid_database_is_reported(tmp_path: Path) -> None:
    (tmp_path / "service.db").write_bytes(b"no database" * 1000)
    assert str(tmp_path) in refused(tmp_path)


def test_an_invalid_folder_and_a_port_in_use_are_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refused(tmp_path / "file")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "in use" in refused(tmp_path / "data", "--port", str(taken.getsockname()[1]))
