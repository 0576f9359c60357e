"""The installed command, run as a process."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.environment import KEY, unmeasured

CONFIG = """[job]
model = "m"
data = "rows.jsonl"

[compute]
gpu_type = "H100"
gpu_count = 1
"""


class Program:
    """The installed command, or one of its subcommands. Its output must never contain the API key."""

    def __init__(self, path: str, url: str = "local", command: tuple[str, ...] = ()) -> None:
        self.path = path
        self.url = url
        self.command = [path, *command]

    def at(self, url: str) -> "Program":
        """Return the command for the service at `url`."""
        return Program(self.path, url)

    def environment(self, *, measured: bool = True) -> dict[str, str]:
        """Return the environment. Do not measure a process that is killed: its data is incomplete."""
        return {**(os.environ if measured else unmeasured()), "BACKEND_BASE_URL": self.url}

    def __call__(self, *arguments: str, stdin: str | bytes = b"") -> tuple[int, str, str]:
        run = subprocess.run(
            [*self.command, *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            env=self.environment(),
            check=False,
            timeout=120,
        )
        return _ended(run)

    def shell(self, line: str) -> tuple[int, str, str]:
        """Run a line of bash in which the last word of the command calls it. Fails if any part fails."""
        name = self.command[-1] if self.command[1:] else "sftc"
        script = f'set -o pipefail; {name}() {{ {" ".join(self.command)} "$@"; }}; {line}'
        run = subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            env=self.environment(measured=False),
            check=False,
            timeout=120,
        )
        return _ended(run)

    @contextmanager
    def started(self, *arguments: str, measured: bool = False) -> Iterator[subprocess.Popen[str]]:
        """Start the command in its own process group, and kill it at the end if it still runs."""
        with subprocess.Popen(
            [*self.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(measured=measured),
            process_group=0,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.kill(process.pid, signal.SIGKILL)


@contextmanager
def awaited(process: "subprocess.Popen[Any]") -> Iterator["subprocess.Popen[Any]"]:
    """Wait for a process at the end; if the test has failed, kill it, since it may wait for the test."""
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


class Dataset(Program):
    """The command `sftc dataset`."""

    def __init__(self, path: str) -> None:
        super().__init__(path, command=("dataset",))

    def report(self, *arguments: str) -> dict[str, Any]:
        """Return the JSON report of `check`, by path."""
        files = json.loads(self("check", "--format", "json", *arguments)[1])["files"]
        return {file["path"]: file for file in files}


def _ended(run: "subprocess.CompletedProcess[bytes]") -> tuple[int, str, str]:
    out, errors = run.stdout.decode(), run.stderr.decode()
    assert KEY not in out + errors
    assert "Traceback" not in errors, errors
    return run.returncode, out, errors


def told(process: subprocess.Popen[str], text: str) -> str:
    """Wait until a line on stderr contains `text`, and return the output so far."""
    seen = ""
    assert process.stderr
    for line in process.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} is not on stderr:\n{seen}")


def rest(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait until the process ends, and return its exit code and the rest of its output."""
    out, errors = process.communicate(timeout=120)
    assert KEY not in out + errors
    return process.returncode, out, errors


def processes(text: str) -> list[int]:
    """Return the processes that have `text` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has exited
            continue
        if text in line and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found
