"""Fixtures and settings for all tests."""

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from itertools import chain, islice
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.environment import isolate, unmeasured, write_files
from support.once import locked, made_once
from support.published_schemas import JUNIT, SARIF, PublishedSchemas

# The examples are the same in every run. HYPOTHESIS=desk generates new ones, HYPOTHESIS=soak many.
desk = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("desk", desk)
settings.register_profile("same", desk, derandomize=True, max_examples=50)
settings.register_profile("soak", desk, max_examples=3000)
# The test processes use all cores. More torch threads would only compete for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.load_profile(os.environ.get("HYPOTHESIS", "same"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that regenerates golden files before they are compared."""
    parser.addoption(
        "--update-golden", action="store_true", help="regenerate the golden outputs, then compare"
    )


def pytest_configure() -> None:
    """Make signals work in programs that tests start, even if the tests run in the background or by nohup."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while tests are imported, nor look at what they import ever after."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


SLOW = ("test_newcomer.py", "test_pre_commit.py", "test_the_project_passes_its_checkers[mypy]")
"""Slow tests without the marker `slow`."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests first: xdist gives each worker an equal part of the list, and balances the rest."""
    for item in items:
        if any(name in item.nodeid for name in SLOW):
            item.add_marker("slow")
    slow: dict[Path, list[pytest.Item]] = {}  # by module, so that module fixtures are set up once
    for item in items:
        if "slow" in item.keywords:
            slow.setdefault(item.path, []).append(item)
    quick = iter([item for item in items if "slow" not in item.keywords])
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    ordered: list[pytest.Item] = []
    for at in range(workers):
        ordered += chain(*[*slow.values()][at::workers])
        ordered += islice(quick, max(0, len(items) * (at + 1) // workers - len(ordered)))
    items[:] = [*ordered, *quick]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the project."""
    return Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def plain_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the caller's color settings, and disable coverage in most programs that tests start."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    if "measured" not in request.keywords:
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture
def own_folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the `FILES` (name to text) of the test's module, and change to it."""
    isolate(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path, getattr(request.module, "FILES", {}))
    return tmp_path


@pytest.fixture(scope="session")
def sftc_program() -> str:
    """Return the path of the installed command."""
    return os.path.join(os.path.dirname(sys.executable), "sftc")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return a folder that all test processes of a session share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session")
def published(pytestconfig: pytest.Config) -> PublishedSchemas:
    """Return the published schemas, which are cached for later sessions."""
    folder = pytestconfig.rootpath / ".pytest_cache/published"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        for package, name in (SARIF, JUNIT):
            PublishedSchemas(folder).read(package, name)
    return PublishedSchemas(folder)


@pytest.fixture(scope="session")
def wheel(root: Path, shared: Path) -> Path:
    """Return the wheel of the checkout. Only one test process builds it."""

    def build(folder: Path) -> None:
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "build",
            "--no-isolation",
            "--wheel",
            "--outdir",
            folder,
            root,
        ]
        subprocess.run(command, check=True, capture_output=True, env=unmeasured())

    [wheel] = made_once(shared / "wheel", build).glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the model `tiny` in it."""
    from support import tiny_model  # imports torch

    folder = tmp_path_factory.mktemp("models")
    tiny_model.write(folder / "tiny")
    return folder
