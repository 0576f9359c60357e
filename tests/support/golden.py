"""The golden cases: the exact output of a command for each file under `golden/`.

A case is a folder with `config.toml`, or with `rows.jsonl` if it is about a training file, and
optionally `flags.txt` (in shell syntax). The same folder contains the output, if there is any:
`payload.json` (stdout) and `findings.txt` (stderr) of `sftc compile`, or `report.txt` of
`sftc lint` and `sftc dataset check`.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner

from sftc.cli.compile_command import compile_command
from sftc.cli.dataset_check_command import check_command
from sftc.cli.lint_command import lint_command

GOLDEN = Path(__file__).parents[2] / "golden"
EXIT_CODES = {"accept": 0, "reject": 1, "lint": 1}
KINDS = (*EXIT_CODES, "dataset")
OUTPUTS = ("payload.json", "findings.txt", "report.txt")
_COMMANDS = {
    "accept": (compile_command, "config.toml", "payload.json"),
    "reject": (compile_command, "config.toml", "payload.json"),
    "lint": (lint_command, "config.toml", "report.txt"),
    "dataset": (check_command, "rows.jsonl", "report.txt"),
}


def cases(kind: str, root: Path = GOLDEN) -> list[Path]:
    """Return the folders of all cases of a kind: `accept`, `reject`, `lint` or `dataset`."""
    return sorted(path for path in (root / kind).iterdir() if path.is_dir())


def produce(case: Path) -> tuple[int, dict[str, bytes]]:
    """Run the command on a case; return the exit code and the expected output files."""
    flags = case / "flags.txt"
    arguments = shlex.split(flags.read_text(encoding="utf-8")) if flags.exists() else []
    command, file, output = _COMMANDS[case.parent.name]
    with _inside(case):
        result = CliRunner().invoke(command, [file, *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    files = {output: result.stdout_bytes, "findings.txt": result.stderr_bytes}
    return result.exit_code, {name: data for name, data in files.items() if data}


def on_disk(case: Path) -> dict[str, bytes]:
    """Return the output files of a case on disk."""
    return {name: (case / name).read_bytes() for name in OUTPUTS if (case / name).exists()}


def update(case: Path) -> None:
    """Regenerate the output files of a case."""
    _, files = produce(case)
    for name in OUTPUTS:
        (case / name).unlink(missing_ok=True)
    for name, data in files.items():
        (case / name).write_bytes(data)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
