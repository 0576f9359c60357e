"""The golden cases: what the command says for each config under `golden/`, byte for byte.

A case is a folder with `config.toml` and, where it is run with flags, `flags.txt` (as a
shell reads them). What the command wrote stands beside, where it wrote anything: of
`sftc compile`, `payload.json` for stdout and `findings.txt` for stderr; of `sftc lint`,
`report.txt`.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner

from sftc.cli.compile import compile_command
from sftc.cli.lint import lint_command

GOLDEN = Path(__file__).parent.parent / "golden"
EXIT_CODES = {"accept": 0, "reject": 1, "lint": 1}
OUTPUTS = ("payload.json", "findings.txt", "report.txt")


def cases(kind: str, root: Path = GOLDEN) -> list[Path]:
    """Return the folders of all cases of a kind: `accept`, `reject` or `lint`."""
    return sorted(config.parent for config in (root / kind).glob("*/config.toml"))


def produce(case: Path) -> tuple[int, dict[str, bytes]]:
    """Compile or lint a case; return the exit code and the output files it should have."""
    flags = case / "flags.txt"
    arguments = shlex.split(flags.read_text(encoding="utf-8")) if flags.exists() else []
    linting = case.parent.name == "lint"
    with _inside(case):
        command = lint_command if linting else compile_command
        result = CliRunner().invoke(command, ["config.toml", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    names = ("report.txt", "findings.txt") if linting else ("payload.json", "findings.txt")
    files = dict(zip(names, (result.stdout_bytes, result.stderr_bytes), strict=True))
    return result.exit_code, {name: data for name, data in files.items() if data}


def on_disk(case: Path) -> dict[str, bytes]:
    """Return the output files of a case as they stand."""
    return {name: (case / name).read_bytes() for name in OUTPUTS if (case / name).exists()}


def update(case: Path) -> None:
    """Write the output files of a case anew."""
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
