"""A full or closed stdout, for the help of every command and for `--version`."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sftc.cli.main import cli
from support.environment import unmeasured
from support.program import Program
from support.training_jobs import rows


def commands(group: click.Group, ctx: click.Context, name: str = "") -> Iterator[str]:
    """Yield the names of all commands below a group, groups included."""
    for each in group.list_commands(ctx):
        command = group.get_command(ctx, each)
        assert command
        yield f"{name}{each}"
        if isinstance(command, click.Group):
            yield from commands(command, click.Context(command, parent=ctx), f"{name}{each} ")


NAMES = [*commands(cli, click.Context(cli, info_name="sftc"))]


def test_the_list_of_commands_includes_subcommands() -> None:
    assert {"compile", "dataset check", "jobs list", "train"} <= {*NAMES}


@pytest.mark.parametrize("arguments", ["--version", "--help", "-h", *(f"{name} --help" for name in NAMES)])
def test_output_that_cannot_be_written_is_an_error(sftc: Program, arguments: str) -> None:
    line = "unset PYTHONUNBUFFERED; sftc {} > /dev/full; echo $? >&2; sftc {} >&-; echo $? >&2"
    code, out, errors = sftc.shell(line.format(arguments, arguments))
    assert (code, out) == (0, "")
    failed = "<stdout>: error[unwritable-output]: cannot be written: "
    assert errors == f"{failed}No space left on device\n1\n{failed}Bad file descriptor\n1\n"


@pytest.mark.parametrize("arguments", ["--version", "--help", *(f"{name} -h" for name in NAMES)])
def test_a_closed_pipe_ends_the_command_silently(sftc: Program, closed_pipe: int, arguments: str) -> None:
    environment = {name: value for name, value in unmeasured().items() if name != "PYTHONUNBUFFERED"}
    command = [sftc.path, *arguments.split()]
    run = subprocess.run(
        command, stdout=closed_pipe, stderr=subprocess.PIPE, env=environment, check=False, timeout=60
    )
    assert (run.returncode, run.stderr) == (141, b"")


@pytest.mark.parametrize(
    "arguments",
    [
        "lint typo.toml",
        "estimate good.toml",
        "dataset check rows.jsonl",
        "import trl.yaml",
        "dataset convert rows.jsonl --output out.jsonl",
    ],
)
def test_a_report_for_a_closed_stream_is_not_a_bug(sftc: Program, own_folder: Path, arguments: str) -> None:
    job = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\n'
    (own_folder / "good.toml").write_text(job)
    (own_folder / "typo.toml").write_text(f"{job}gpu_cuont = 1\n")
    (own_folder / "rows.jsonl").write_text(rows(3))
    (own_folder / "trl.yaml").write_text("model_name_or_path: m\nuse_peft: true\nmax_length: 512\n")
    failed = "<stdout>: error[unwritable-output]: cannot be written: Bad file descriptor"
    code, _, errors = sftc.shell(f"sftc {arguments} >&-")
    assert code in {0, 1}, errors
    assert failed in errors or "convert" in arguments
    assert sftc.shell(f"rm -f out.jsonl; sftc {arguments} 2>&-")[0] in {0, 1}


@pytest.mark.parametrize("arguments", ["rule", "rule unknown-key", "schema", "schema --list"])
def test_a_full_disk_is_an_error_for_the_output_of_commands(sftc: Program, arguments: str) -> None:
    code, _, errors = sftc.shell(f"unset PYTHONUNBUFFERED; sftc {arguments} > /dev/full")
    assert (code, errors.count("\n")) == (1, 1)
    assert "No space left on device" in errors
