"""`sftc dataset check`: check training files row by row."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from sftc.cli.dataset_options import expand_data_files, jobs_option
from sftc.cli.exits import FINDINGS
from sftc.cli.model_option import MODEL_METAVAR, load_look
from sftc.cli.output import is_colored, write_stdout
from sftc.cli.progress_bar import ProgressBar
from sftc.findings.finding import Finding, Severity, by_file
from sftc.report import json
from sftc.report.terminal import printable, render, summary
from sftc.text.plural import counted
from sftc.text.source import STDIN

if TYPE_CHECKING:
    from sftc.dataset.check_files import Checked
    from sftc.tools.config_and_data import Setup
    from sftc.training.model_look import ModelLook

FORMATS = ("text", "json", "github", "sarif")
"""The output formats. Except for `text`, the module `sftc.report.NAME` defines `render`."""


@click.command("check")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("--config", metavar="CONFIG", help="Also check the files against this config.")
@click.option(
    "--model",
    metavar=MODEL_METAVAR,
    help="Also try the rows with the chat template of a model: a folder, or an id in the Hugging Face cache.",
)
@click.option(
    "--max-errors",
    metavar="N",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="Stop reading a file after N errors; show N of each other finding at most. 0 means no limit.",
)
@click.option(
    "--examples", type=click.IntRange(1), metavar="N", help="Check only the first N rows of each file."
)
@click.option(
    "--format", type=click.Choice(FORMATS), default="text", show_default=True, help="Format of the report."
)
@jobs_option
def check_command(
    files: Sequence[str],
    config: str | None,
    model: str | None,
    max_errors: int,
    examples: int | None,
    format: str,
    jobs: int,
) -> None:
    """Check training files; exit with 1 on errors and warnings.

    FILE is JSON Lines, plain or compressed (`.gz`, `.zst`), a glob, or `-` for stdin. Without FILE,
    check the files that the config names.
    """
    from sftc.dataset.check_files import CheckOptions, check_files
    from sftc.dataset.chunks import Bounds

    setup = None
    if config:
        from sftc.tools.config_and_data import load_setup

        setup = load_setup(config)
    if config == STDIN and STDIN in files:
        raise click.UsageError("stdin cannot be both the config and the training file.")
    paths = expand_data_files(files) or (setup.files if setup else [])
    if not paths:
        raise click.UsageError("name a FILE, or a config that names one.")
    look = load_look(model, setup) if model else None
    tokens = setup.sequence_length if setup and not look else None  # tokens are counted then, not estimated
    bounds = Bounds(alone=1) if look else Bounds()
    options = CheckOptions(max_errors, examples, tokens, jobs, bounds, look)
    with ProgressBar() as progress:

        def tell(path: str, found: Finding) -> None:
            progress.clear()
            write_stdout(_styled(f"{render([found])}"))

        silent = format != "text"
        results = check_files(paths, options, (lambda path, found: None) if silent else tell, progress.step)
    _report(results, setup, look, format)


def _report(
    results: "Sequence[Checked]", setup: "Setup | None", look: "ModelLook | None", format: str
) -> None:
    reports = {result.path: list(result.findings) for result in results}
    together = setup.findings(results) if setup else []
    if setup:
        for path, found in by_file(setup.path, together).items():
            reports.setdefault(path, []).extend(found)
    if format == "text":
        ended = f"{printable(setup.path)}: {summary(together)}\n" if setup and together else ""
        write_stdout(_styled(render(together) + ended + "".join(map(_summary, results)) + _tokens(look)))
    elif format == "json":
        write_stdout(json.render(reports, {result.path: json.file_data(result) for result in results}))
    else:
        write_stdout(import_module(f"sftc.report.{format}").render(reports))
    findings = [found for each in reports.values() for found in each]
    sys.exit(FINDINGS if any(found.severity is not Severity.NOTE for found in findings) else 0)


def _summary(result: "Checked") -> str:
    text = f"{printable(result.path)}: {summary(result.findings) or 'no findings'}"
    if result.more:
        more = [f"{number:,} more of {id}" for id, number in sorted(result.more.items())]
        text += f", and {', '.join(more)}"
    if result.stopped:
        line = max(found.span.line for found in result.findings if found.is_error)
        text += f"; stopped at line {line:,} by --max-errors"
    elif result.digest:
        text += f" in {counted(result.rows, 'row')}, {counted(result.length, 'byte')}, {result.digest}"
    return f"{text}\n"


def _tokens(look: "ModelLook | None") -> str:
    """Return a line about the tokens of each file, if they were counted."""
    if not look:
        return ""
    from sftc.report.preview import tally_text

    return "".join(f"{printable(path)}: {tally_text(tally)}\n" for path, tally in look.tallies.items())


def _styled(text: str) -> str:
    return text if is_colored(sys.stdout) else click.unstyle(text)
