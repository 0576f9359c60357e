"""`sftc dataset` on a terminal: the progress bar and colors."""

import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest

from support.program import Dataset
from support.training_files import BROKEN, GOOD, row

LONG = row(1).replace("2", "2" * 3900).encode()
"""A row that fits in one atomic pipe write. A few of them fill a chunk."""


pytestmark = pytest.mark.measured
FILES = {"good.jsonl": GOOD}


def everything(terminal: int) -> bytes:
    """Read a terminal until no process has its other end open."""
    output = b""
    try:
        while chunk := os.read(terminal, 65536):
            output += chunk
    except OSError:  # the other end is closed
        pass
    os.close(terminal)
    return output


def fed(processes: list[int], terminal: int, mark: bytes) -> bytes:
    """Feed rows to pipes until `mark` appears on the terminal, and return the output."""
    output = b""
    while mark not in output:
        ready, hungry, _ = select.select([terminal], processes, [], 60)
        assert ready or hungry
        for end in hungry:
            os.write(end, LONG)
        output += os.read(terminal, 65536) if ready else b""
    return output


def test_progress_is_shown_only_on_a_terminal(dataset: Dataset) -> None:
    """Two processes get the same input: once one shows its bar, the other would, too."""
    pipes, (main, terminal) = [os.pipe(), os.pipe()], pty.openpty()
    started = []
    for (end, _), output in zip(pipes, (subprocess.PIPE, terminal), strict=True):
        command = [*dataset.command, "check", f"/dev/fd/{end}", "--max-errors", "1", "--jobs", "1"]
        started.append(subprocess.Popen(command, stdout=output, stderr=output, pass_fds=[end]))
        os.close(end)
    os.close(terminal)
    quiet, loud = started
    feeding = [end for _, end in pipes]
    shown = fed(feeding, main, b"[---")
    assert re.search(rb"/dev/fd/\d+  \[---", shown)
    for end in feeding:
        os.write(end, BROKEN.encode())
        os.close(end)
    shown += everything(main)
    out, errors = quiet.communicate(timeout=60)
    assert (quiet.returncode, loud.wait(), errors) == (1, 1, b"")
    assert b"---" not in out
    lines = shown.replace(b"\r\n", b"\n").split(b"\n")
    left = [line.rpartition(b"\x1b[2K")[2] for line in lines]  # the text that remains visible
    assert without_figures(b"\n".join(left)) == without_figures(out)


def without_figures(report: bytes) -> str:
    plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", report).decode()
    return re.sub(r"sha256:\w+|\d[\d,]*", "0", plain)


def all_of_a_bar(dataset: Dataset, name: str) -> bytes:
    """Return the terminal output of a command that shows a progress bar for the file `name`."""
    (reading, writing), (main, terminal) = os.pipe(), pty.openpty()
    Path(name).symlink_to(f"/dev/fd/{reading}")
    command = [*dataset.command, "stats", name]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=terminal, pass_fds=[reading])
    os.close(reading)
    os.close(terminal)
    shown = fed([writing], main, b"[---")
    os.close(writing)
    shown += everything(main)
    assert process.wait() == 0
    return shown


def test_the_cursor_is_restored_after_the_progress_bar(dataset: Dataset) -> None:
    shown = all_of_a_bar(dataset, "rows.jsonl")
    assert shown.rfind(b"\x1b[?25h") >= shown.rfind(b"\x1b[?25l")


def test_control_characters_in_a_file_name_are_escaped(dataset: Dataset) -> None:
    shown = all_of_a_bar(dataset, "a\x1b[5Ab\nc.jsonl")
    assert b"\x1b[5A" not in shown
    assert b"\n" not in shown


def test_colors_are_used_only_on_a_terminal(dataset: Dataset) -> None:
    Path("rows.jsonl").write_text(BROKEN)
    outputs = []
    for environment in ({}, {"NO_COLOR": "1"}):
        main, terminal = pty.openpty()
        command = [*dataset.command, "check", "rows.jsonl"]
        subprocess.run(command, stdout=terminal, env=os.environ | environment, check=False, timeout=60)
        os.close(terminal)
        outputs.append(everything(main))
    assert b"\x1b[31m" in outputs[0]
    assert b"\x1b[" not in outputs[1]
    assert "\x1b[" not in dataset("check", "rows.jsonl")[1]
