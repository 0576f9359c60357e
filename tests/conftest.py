"""What all tests share."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.environment import isolate, write_files

# New examples every day at a desk, the same ones in CI, and many on demand: HYPOTHESIS=soak.
desk = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("desk", desk)
settings.register_profile("ci", desk, derandomize=True)
settings.register_profile("soak", desk, max_examples=3000)
# There are as many test processes as cores; torch's threads, too, would wait for each other, busily.
os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.load_profile(os.environ.get("HYPOTHESIS") or ("ci" if os.environ.get("CI") else "desk"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that regenerates golden files before they are compared."""
    parser.addoption("--update-golden", action="store_true", help="write golden outputs anew, then compare")


def pytest_configure() -> None:
    """Let programs that tests start be interrupted, where the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the caller's colour settings out of the tests."""
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def own_folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the `FILES` (name to text) of the test's module, and make it the current one."""
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, getattr(request.module, "FILES", {}))
    return tmp_path


@pytest.fixture(scope="session")
def sftc_program() -> str:
    """Return the path of the installed command."""
    return os.path.join(os.path.dirname(sys.executable), "sftc")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model `tiny` in it."""
    from support import tiny_model  # it imports torch

    folder = tmp_path_factory.mktemp("models")
    tiny_model.write(folder / "tiny")
    return folder
