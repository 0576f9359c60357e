"""The golden cases: the exact output of a command for each file under `golden/`.

A case is a folder with `config.toml`, or with `rows.jsonl` if it is about a training file, and
optionally `flags.txt` (in shell syntax). The same folder contains the output, if there is any:
`payload.json` (stdout) and `findings.txt` (stderr) of `sftc compile`, or `report.txt` of
`sftc lint`, `sftc dataset check` and `sftc estimate`.

`golden/import/CASE/` has a `config.yaml` of another trainer, what `sftc import` makes of it
(`config.sft.toml`), and the account of its keys on stderr (`account.txt`).

`golden/targets/TARGET/CASE/` has the files that `sftc compile --target` makes of a config, and its
findings: of the config in `golden/accept/CASE`, or of a `config.toml` of its own.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from click.testing import CliRunner

from sftc.cli.compile_command import compile_command
from sftc.cli.dataset_check_command import check_command
from sftc.cli.estimate_command import estimate_command
from sftc.cli.import_command import import_command
from sftc.cli.lint_command import lint_command

GOLDEN = Path(__file__).parents[2] / "golden"
EXIT_CODES = {"accept": 0, "reject": 1, "lint": 1}
KINDS = (*EXIT_CODES, "dataset", "estimate", "import")
OUTPUTS = ("payload.json", "findings.txt", "report.txt", "config.sft.toml", "account.txt")
_COMMANDS = {
    "accept": (compile_command, "config.toml", "payload.json"),
    "reject": (compile_command, "config.toml", "payload.json"),
    "lint": (lint_command, "config.toml", "report.txt"),
    "dataset": (check_command, "rows.jsonl", "report.txt"),
    "estimate": (estimate_command, "config.toml", "report.txt"),
    "import": (import_command, "config.yaml", "config.sft.toml"),
}


def cases(kind: str, root: Path = GOLDEN) -> list[Path]:
    """Return the folders of all cases of a kind, one of `KINDS`."""
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
    errors = "account.txt" if case.parent.name == "import" else "findings.txt"
    files = {output: result.stdout_bytes, errors: result.stderr_bytes}
    return result.exit_code, {name: data for name, data in files.items() if data}


def target_cases(target: str, root: Path = GOLDEN) -> list[Path]:
    """Return the folders of all cases of a target, whether they exist or not."""
    names = {case.name for case in cases("accept", root)}
    folder = root / "targets" / target
    own = {case.name for case in folder.glob("*") if (case / "config.toml").exists()}
    return [folder / name for name in sorted(names | own)]


def produce_target(case: Path) -> dict[str, bytes]:
    """Compile a case to its target; return the files and the findings."""
    own = case / "config.toml"
    folder = case if own.exists() else case.parents[2] / "accept" / case.name
    flags = folder / "flags.txt"
    words = shlex.split(flags.read_text(encoding="utf-8")) if flags.exists() else []
    sets = [f"--set={value}" for flag, value in pairwise(words) if flag == "--set"]
    with _inside(folder), TemporaryDirectory() as out:
        arguments = ["config.toml", "--target", case.parent.name, "--output-dir", out, *sets]
        result = CliRunner().invoke(compile_command, arguments)
        files = {path.name: path.read_bytes() for path in Path(out).iterdir()}
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert bool(files) == (result.exit_code == 0)
    return files | ({"findings.txt": result.stderr_bytes} if result.stderr_bytes else {})


def target_on_disk(case: Path) -> dict[str, bytes]:
    """Return the output files of a case of a target on disk."""
    return {path.name: path.read_bytes() for path in case.glob("*") if path.name != "config.toml"}


def update_target(case: Path) -> None:
    """Regenerate the output files of a case of a target."""
    files = produce_target(case)
    case.mkdir(parents=True, exist_ok=True)
    for name in target_on_disk(case):
        (case / name).unlink()
    for name, data in files.items():
        (case / name).write_bytes(data)


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
