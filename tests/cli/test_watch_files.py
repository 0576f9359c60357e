"""`--watch`: commands that run again when a file changes, as programs."""

import os
import signal
import subprocess
import time
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
