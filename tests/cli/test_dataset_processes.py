"""`sftc dataset` and processes: workers, signals, closed pipes, files that change."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from support.program import Dataset, awaited
from support.training_files import GOOD, UNANSWERED, digest, row

CHUNK = row(1).replace("2", "2" * 10_000).encode() * 52
"""Rows of about one chunk."""

SLOW = row(1).replace("2", r"\u003c" * 20, 1).encode() * 3000
"""Rows that are looked at one by one, because an escaped sign may be a special token."""

FILES = {"good.jsonl": GOOD}


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return both ends of a pipe, which the test closes."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):  # the test may have closed it
            os.close(end)


def many_chunks() -> str:
    """Return rows with findings in each chunk, and with some duplicates."""
    rows = [row(number).replace("?", " and so on" * 85) for number in range(7000)]
    for at in range(50, len(rows), 500):
        rows[at : at + 3] = [f'{{"{at}":\n', UNANSWERED.replace("2", str(at)), rows[1]]
    return "".join(rows)


@pytest.mark.measured
def test_the_report_does_not_depend_on_the_number_of_processes(dataset: Dataset) -> None:
    Path("rows.jsonl").write_text(text := many_chunks())
    for command in (
        ["check", "--format", "text"],
        ["check", "--format", "json"],
        ["stats", "--format", "json"],
    ):
        one, two = (dataset(*command, "rows.jsonl", "good.jsonl", "--jobs", jobs) for jobs in "12")
        assert one == two
        assert digest(text) in one[1] or command[0] == "stats"


@pytest.mark.parametrize("limit", ["1", "11"])
def test_reading_stops_at_the_same_error_with_any_number_of_processes(dataset: Dataset, limit: str) -> None:
    Path("rows.jsonl").write_text("".join(dict.fromkeys(many_chunks().splitlines(keepends=True))))
    flags = ["--max-errors", limit, "--format", "json"]
    one, two = (dataset("check", "rows.jsonl", *flags, "--jobs", jobs) for jobs in "12")
    assert '"stopped": true' in one[1]
    assert one == two


def reading(dataset: Dataset, pipe: tuple[int, int], *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command that reads the pipe, in its own process group."""
    command = [*dataset.command, *arguments, f"/dev/fd/{pipe[0]}"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=pipe[:1],
        start_new_session=True,
    )
    os.close(pipe[0])
    return process


def children(process: subprocess.Popen[bytes]) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text().rpartition(")")[2].split()[1]
        except OSError:  # it has exited
            continue
        if int(parent) == process.pid:
            found.append(int(path.parent.name))
    return found


def shared_memory(process: subprocess.Popen[bytes]) -> set[Path]:
    """Return the files of the memory that a command shares with its own processes."""
    maps = Path(f"/proc/{process.pid}/maps").read_text()
    return {Path(each) for each in re.findall(r"/\S+/psm_\w+", maps)}


@pytest.mark.parametrize("command", ["check", "stats"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_processes_and_frees_shared_memory(
    dataset: Dataset, pipe: tuple[int, int], command: str, stop: signal.Signals
) -> None:
    process = reading(dataset, pipe, command, "--jobs", "2")
    shared = set[Path]()
    with open(pipe[1], "wb", closefd=False) as feed:
        for _ in range(80):
            feed.write(SLOW if command == "check" else CHUNK)
            feed.flush()  # waits until the command has read it
            if shared := shared_memory(process):
                break
    assert shared
    assert children(process)
    if stop == signal.SIGINT:  # Ctrl-C goes to the whole process group
        os.killpg(process.pid, stop)
    else:
        process.send_signal(stop)
    out, errors = process.communicate(timeout=60)  # returns when no process has the pipes open
    assert out == b""
    assert not [path for path in shared if path.exists()]
    if stop == signal.SIGINT:
        assert (process.returncode, errors.strip()) == (130, b"")


@pytest.mark.parametrize(
    "arguments", [["check"], ["check", "--format", "json"], ["stats"], ["head", "-n", "7000"]]
)
def test_a_closed_pipe_ends_the_command_silently(
    dataset: Dataset, pipe: tuple[int, int], arguments: list[str]
) -> None:
    Path("rows.jsonl").write_text(many_chunks())
    os.close(pipe[0])
    jobs = ["--jobs", "2"] if arguments[0] != "head" else []
    command = [*dataset.command, *arguments, "rows.jsonl", *jobs]
    run = subprocess.run(command, stdout=pipe[1], stderr=subprocess.PIPE, check=False, timeout=60)
    assert (run.returncode, run.stderr) == (141, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_closes_the_pipe_ends_the_command(dataset: Dataset, unbuffered: str) -> None:
    Path("rows.jsonl").write_text("".join(f'{{"{number}":\n' for number in range(20_000)))
    for line in ("check rows.jsonl --max-errors 0", "head rows.jsonl -n 20000"):
        code, out, errors = dataset.shell(f"export PYTHONUNBUFFERED={unbuffered}; dataset {line} | head -1")
        assert (code, out.count("\n"), errors) == (141, 1, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_disk_that_fills_up_is_an_error(dataset: Dataset, unbuffered: str) -> None:
    Path("rows.jsonl").write_text("".join(map(row, range(5000))))
    line = f"export PYTHONUNBUFFERED={unbuffered}; ulimit -f 64; dataset head rows.jsonl -n 5000 > out.jsonl"
    code, _, errors = dataset.shell(line)
    assert code == 1
    assert errors == "<stdout>: error[unwritable-output]: cannot be written: File too large\n"


@pytest.mark.parametrize("arguments", ["check good.jsonl", "stats good.jsonl", "head good.jsonl", "--help"])
def test_a_full_disk_is_an_error(dataset: Dataset, arguments: str) -> None:
    code, _, errors = dataset.shell(f"dataset {arguments} > /dev/full")
    assert code == 1
    assert "No space left on device" in errors
    assert "fault" not in errors


def test_a_file_that_changes_during_the_check_is_an_error(dataset: Dataset) -> None:
    rows = Path("rows.jsonl")
    rows.write_text(text := "".join(f'{{"{number}":\n' for number in range(5000)))
    command = [*dataset.command, "check", "rows.jsonl", "--max-errors", "0"]
    with awaited(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout
        process.stdout.readline()  # the check has started, and cannot end before its output is read
        with rows.open("a") as file:
            file.write(row(1))
        report = process.stdout.read()
    assert process.returncode == 1
    sizes = f"it had {len(text):,} bytes when it was opened and has {len(text + row(1)):,} now"
    assert f"rows.jsonl: error[file-changed]: the file changed while it was being read: {sizes}\n" in report
