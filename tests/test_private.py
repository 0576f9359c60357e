"""Everything that sftc keeps of a person's data is for its owner only, whatever the umask."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sftc.private import private_folder
from sftc.service.lease import Lease
from sftc.submission.journal import Journal, state_folder
from support.environment import isolate
from support.program import awaited
from support.services import SERVE, rows, thread

UMASKS = (0o000, 0o277)


@pytest.fixture(params=UMASKS, ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set a umask for the duration of a test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """Return the entries that others could read or change, or that the owner could not."""
    found = []
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if mode != (0o700 if path.is_dir() else 0o600):
            found.append(f"{path.relative_to(folder)} {mode:o}")
    return found


def test_the_data_folder_is_private(tmp_path: Path, umask: int) -> None:
    with thread(tmp_path / "new" / "data") as client:
        job = client.started(client.ready(rows(1)))
        assert client.once(job)["status"] == "failed"
        with Lease(tmp_path / "new" / "data"):
            assert open_to_others(tmp_path / "new") == []


def test_the_journal_is_private(tmp_path: Path, umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    with Journal("the service") as journal:
        journal.keep_file("sha256:0", "file-1")
        assert open_to_others(tmp_path / "state") == []
        assert len([*(tmp_path / "state/sftc").iterdir()]) == 3


@pytest.mark.parametrize("given", ["state", "./state", "~/state", ""])
def test_a_relative_folder_for_state_is_ignored(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", given)
    assert state_folder() == tmp_path / ".local/state/sftc"


def test_what_an_earlier_version_left_open_becomes_private(tmp_path: Path) -> None:
    private_folder(tmp_path / "state")
    with Journal("the service", tmp_path / "state") as journal:
        journal.keep_file("sha256:0", "file-1")
        for path in (tmp_path / "state").iterdir():
            path.chmod(0o644)
        (tmp_path / "state").chmod(0o755)
        with Journal("the service", tmp_path / "state") as again:
            assert again.file("sha256:0") == "file-1"
            assert open_to_others(tmp_path / "state") == []


@pytest.mark.parametrize(("entry", "mode"), [(None, 0o700), ("service.db", 0o700), ("notes.txt", 0o755)])
def test_a_folder_that_is_used_for_other_things_keeps_its_mode(
    tmp_path: Path, entry: str | None, mode: int
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    if entry:
        (folder / entry).touch()
    with thread(folder) as client:
        client.upload(rows(1))
    assert stat.S_IMODE(folder.stat().st_mode) == mode
    assert {name.split()[0] for name in open_to_others(folder)} <= {".", "notes.txt"}


def test_what_a_trainer_writes_is_private(tmp_path: Path) -> None:
    """The program sets a umask, which the processes of the trainer inherit."""
    options = ("--port", "0", "--data-dir", str(tmp_path / "data"), "--idle")
    script = 'umask 000; exec "$@"'
    with awaited(
        subprocess.Popen(["bash", "-c", script, "bash", *SERVE, *options], stdout=subprocess.PIPE, text=True)
    ) as running:
        assert running.stdout
        assert running.stdout.readline().startswith("Listening")
        status = Path(f"/proc/{running.pid}/status").read_text()
        assert "\nUmask:\t0077\n" in status
        running.terminate()
    assert open_to_others(tmp_path / "data") == []
