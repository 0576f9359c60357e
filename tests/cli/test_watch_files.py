"""`--watch`: commands that run again when a file changes, as programs."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sftc.cli.rerun import rerun
from support.program import Program, rest, told
from support.waiting import eventually

pytestmark = pytest.mark.measured

BASE = 'schema_version = 2\n\n[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'
FILES = {
    "configs/job.sft.toml": 'schema_version = 2\nextends = "../base.toml"\n',
    "base.toml": BASE,
}
READY = "Ctrl-C ends"


@pytest.fixture
def run(own_folder: Path, sftc_program: str) -> Program:
    return Program(sftc_program)


def interrupted(process: subprocess.Popen[str]) -> str:
    """Interrupt a command as Ctrl-C does, and return what it wrote to stdout."""
    process.send_signal(signal.SIGINT)
    code, out, errors = rest(process)
    assert (code, errors.strip()) == (130, "")
    return out


def replaced(path: Path, text: str) -> None:
    """Save as editors do: write another file, and give it the name."""
    path.with_suffix(".new").write_text(text)
    os.replace(path.with_suffix(".new"), path)


def test_lint_runs_again_when_a_config_or_its_base_changes(run: Program, own_folder: Path) -> None:
    job = own_folder / "configs/job.sft.toml"
    with run.started("lint", "configs", "--watch", measured=True) as process:
        assert "watching 2 files" in told(process, READY)
        replaced(own_folder / "base.toml", BASE.replace('"m"', '""'))
        assert told(process, READY).startswith("sftc: base.toml changed\n")
        job.write_text("[job")
        assert "configs/job.sft.toml changed" in told(process, READY)
        job.write_text(FILES["configs/job.sft.toml"] + '[job]\nmodel = "n"\n')
        assert "watching 2 files" in told(process, READY)
        (own_folder / "configs/new.sft.toml").write_text("schema_version = 3\n")
        assert "watching 3 files" in told(process, READY)
        out = interrupted(process)
    assert [line.split("[")[1].split("]")[0] for line in out.splitlines() if "error[" in line] == [
        "blank-string",
        "toml-syntax",
        "unknown-schema-version",
    ]
    assert [line for line in out.splitlines() if line.startswith("no findings")] == [
        "no findings in 1 file"
    ] * 2


def test_a_file_that_is_away_for_a_moment_is_no_error(run: Program, own_folder: Path) -> None:
    base = own_folder / "base.toml"
    with run.started("lint", "configs/job.sft.toml", "--watch") as process:
        told(process, READY)
        base.rename(own_folder / "base.toml~")
        base.write_text(BASE)
        assert told(process, READY).startswith("sftc: base.toml changed\n")
        out = interrupted(process)
    assert out == "no findings in 1 file\n" * 2


def test_a_save_is_read_once_all_of_it_is_written(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = own_folder / "base.toml"
    seen: list[str] = []
    pieces = iter(["[job]", "\nmodel", ' = "n"', "\n"])

    def read() -> None:
        seen.append(base.read_text())
        if len(seen) > 1:
            raise KeyboardInterrupt

    def write_on(seconds: float) -> None:
        if piece := next(pieces, ""):
            base.write_text(base.read_text() + piece)

    monkeypatch.setattr(time, "sleep", write_on)  # between two looks, an editor writes the next piece
    with pytest.raises(KeyboardInterrupt):
        rerun(read, ["base.toml"])
    assert seen == [BASE, BASE + '[job]\nmodel = "n"\n']
    assert capsys.readouterr().err.count("base.toml changed") == 1


INSTEAD: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": lambda path: os.mknod(path, stat.S_IFSOCK | 0o600),
    "a device": lambda path: path.symlink_to("/dev/ptmx"),  # nothing ever comes from it
    "a folder": Path.mkdir,
    "nothing": lambda path: None,
}


@pytest.mark.parametrize(
    ("what", "name", "command"),
    [
        *((what, "configs/job.sft.toml", "lint") for what in INSTEAD),
        ("a pipe", "base.toml", "lint"),
        ("a pipe", "configs/job.sft.toml", "compile -o out.json"),
    ],
)
def test_what_is_in_the_place_of_a_config_for_a_while_does_not_end_the_watch(
    run: Program, own_folder: Path, what: str, name: str, command: str
) -> None:
    path, text = own_folder / name, FILES[name]
    with run.started(*command.split(), "configs/job.sft.toml", "--watch") as process:
        told(process, READY)
        path.unlink()
        INSTEAD[what](path)
        instead = told(process, READY)
        assert f"{name} changed" in instead
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        path.write_text(text)
        assert f"{name} changed" in told(process, READY)
        instead += interrupted(process)
    assert "[unreadable-" in instead or "no configs in configs/job.sft.toml" in instead


def test_a_change_of_permissions_is_a_change(run: Program, own_folder: Path) -> None:
    base = own_folder / "base.toml"
    with run.started("lint", "configs", "--watch") as process:
        told(process, READY)
        for mode in (0o000, 0o644):
            base.chmod(mode)
            assert told(process, READY).startswith("sftc: base.toml changed\n")
        interrupted(process)


def test_compile_writes_the_payload_again_and_keeps_it_on_errors(run: Program, own_folder: Path) -> None:
    payload = own_folder / "out.json"
    with run.started(
        "compile", "configs/job.sft.toml", "-o", "out.json", "--watch", measured=True
    ) as process:
        told(process, READY)
        first = payload.read_text()
        assert '"model": "m"' in first
        (own_folder / "base.toml").write_text(BASE.replace('"m"', '""'))
        assert "error[blank-string]" in told(process, READY)
        assert payload.read_text() == first
        (own_folder / "base.toml").write_text(BASE.replace('"m"', '"other"'))
        eventually(lambda: '"model": "other"' in payload.read_text())
        told(process, READY)
        assert interrupted(process) == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lint", "-"], "--watch needs files"),
        (["lint", "base.toml", "--fix"], "leave out --fix and --diff"),
        (["compile", "base.toml"], "--watch needs --output or --output-dir"),
    ],
)
def test_what_cannot_be_watched_is_wrong_usage(run: Program, arguments: list[str], message: str) -> None:
    code, _, said = run(*arguments, "--watch")
    assert code == 2
    assert message in said
