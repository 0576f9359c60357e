"""`sftc dataset preview`: show what a model is trained on, token by token."""

import os
import re
import sys

import click

from sftc.cli.dataset_options import jobs_option
from sftc.cli.exits import FINDINGS
from sftc.cli.model_option import MODEL_METAVAR, load_look
from sftc.cli.output import is_colored, write_files, write_stdout
from sftc.cli.progress_bar import ProgressBar
from sftc.findings.finding import Severity
from sftc.text.source import STDIN

FORMATS = ("text", "json", "html")
"""The output formats. The module `sftc.report.preview_NAME` defines `render`."""

_MOST_ROWS = 1000
_RANGE = re.compile(r"([1-9][0-9]{0,17})(?:-([1-9][0-9]{0,17}))?")


class _Lines(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases
    """Line numbers such as `1,5-7`."""

    name = "lines"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[int]:
        """Return the numbers."""
        lines: set[int] = set()
        for part in value.split(","):
            found = _RANGE.fullmatch(part.strip())
            if not found:
                self.fail(f"{value!r} is not a list of lines such as 1,5-7.", param, ctx)
            first, last = int(found[1]), int(found[2] or found[1])
            if last < first:
                self.fail(f"{part.strip()} ends before it begins.", param, ctx)
            if last - first >= _MOST_ROWS or len(lines := lines | {*range(first, last + 1)}) > _MOST_ROWS:
                self.fail(f"it names more than {_MOST_ROWS:,} rows.", param, ctx)
        return frozenset(lines)


@click.command("preview")
@click.argument("file")
@click.option(
    "--model",
    metavar=MODEL_METAVAR,
    help="Folder of the model, or its id in the Hugging Face cache. [default: the model of the config]",
)
@click.option("--config", metavar="CONFIG", help="Take `sequence_length`, `train_on` and the model from it.")
@click.option(
    "--rows",
    "lines",
    type=_Lines(),
    metavar="LINES",
    default="1-3",
    show_default=True,
    help="Lines of the rows to show, such as 1,5-7.",
)
@click.option(
    "--format", type=click.Choice(FORMATS), default="text", show_default=True, help="Format of the output."
)
@click.option("-o", "--output", metavar="FILE", help="Write to this file instead of stdout.")
@jobs_option
def preview_command(
    file: str,
    model: str | None,
    config: str | None,
    lines: frozenset[int],
    format: str,
    output: str | None,
    jobs: int,
) -> None:
    """Show what a model is trained on: the tokens of rows, and the findings about all rows.

    FILE is a training file, plain or compressed, or `-` for stdin. Rows are read by the code of the
    embedded trainer, with the chat template of the model. Exits with 1 on errors and warnings.
    """
    from importlib import import_module

    from sftc.dataset.check_files import CheckOptions, check_files
    from sftc.dataset.chunks import Bounds
    from sftc.report.preview import Preview
    from sftc.tools.config_and_data import load_setup

    if config == STDIN == file:
        raise click.UsageError("stdin cannot be both the config and the training file.")
    written = None if output in {None, STDIN} else str(output)
    if written and any(os.path.realpath(written) == os.path.realpath(each) for each in (file, config or "")):
        raise click.UsageError("the output would overwrite what it is made from.")
    setup = load_setup(config) if config else None
    name = model or (setup.model if setup else None)
    if not name:
        raise click.UsageError("name a model with --model, or a config that names one.")
    look = load_look(name, setup, lines)
    options = CheckOptions(jobs=jobs, bounds=Bounds(alone=1), second=look, stops=False)
    with ProgressBar() as progress:
        [checked] = check_files([file], options, on_read=progress.step)
    together = setup.findings([checked]) if setup else []
    preview = Preview(checked, together, look.reading, look.tally(file))
    missing = sorted(line for line in lines if line > preview.tally.lines)
    colored = written is None and is_colored(sys.stdout)
    text = import_module(f"sftc.report.preview_{format}").render(preview, setup and setup.path)
    if format == "text" and not colored:
        text = import_module("sftc.report.preview_text").render(preview, setup and setup.path, colored=False)
    if written:
        write_files({written: text.encode()})
    else:
        write_stdout(text)
    if (
        missing
        and click.get_current_context().get_parameter_source("lines")
        is not click.core.ParameterSource.DEFAULT
    ):
        raise click.UsageError(f"--rows: there is no row on line {missing[0]:,}.")
    sys.exit(FINDINGS if any(found.severity is not Severity.NOTE for found in preview.findings) else 0)
