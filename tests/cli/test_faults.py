"""A bug in sftc is reported as such, and an interrupt is not."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from sftc import pipeline
from sftc.cli.exits import FAULT, INTERRUPTED
from sftc.cli.main import main
from support.program import CONFIG, Program

FILES = {"config.toml": CONFIG}


def run(monkeypatch: pytest.MonkeyPatch, raised: BaseException) -> int:
    def broken(*_: object) -> None:
        raise raised

    monkeypatch.setattr(pipeline, "to_payload", broken)
    monkeypatch.setattr("sys.argv", ["sftc", "compile", "config.toml"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_a_bug_asks_for_a_report(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, ZeroDivisionError("a bug")) == FAULT
    output = capsys.readouterr()
    assert output.out == ""
    assert "ZeroDivisionError: a bug" in output.err
    assert "This is a bug in sftc" in output.err
    assert "Please report it" in output.err


def test_an_interrupt_ends_the_command_silently(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, KeyboardInterrupt()) == INTERRUPTED
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.strip() == ""


def test_a_missing_module_that_no_extra_installs_is_a_bug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, ModuleNotFoundError("No module named 'gone'", name="gone")) == FAULT
    assert "This is a bug in sftc" in capsys.readouterr().err


def test_an_interrupt_before_the_commands_are_imported_ends_it_silently(
    sftc: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())
    run = subprocess.run([*sftc.command, "--version"], capture_output=True, check=False, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (-signal.SIGINT, b"", b"")
