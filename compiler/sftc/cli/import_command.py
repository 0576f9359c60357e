"""`sftc import`: make a config of one that another trainer takes."""

import os
import sys
from importlib import import_module

import click

from sftc.cli.exits import FINDINGS
from sftc.cli.lint_command import FORMATS
from sftc.cli.output import is_colored, write_files, write_stdout
from sftc.contract.import_table import has_import_table
from sftc.contract.versions import PACKAGED
from sftc.document.reading import read_source
from sftc.findings.finding import ConfigError, Finding, Severity, bounded
from sftc.text.source import STDIN
from sftc.tools.import_config import ImportedConfig, import_config
from sftc.tools.import_source import json_beside

AUTO = "auto"
TRAINERS = [name for name in PACKAGED.target_names if has_import_table(PACKAGED.read, name)]


@click.command("import", short_help="Make a config of one for another trainer.")
@click.argument("file", metavar="FILE")
@click.option(
    "trainer",
    "--from",
    type=click.Choice([AUTO, *TRAINERS]),
    default=AUTO,
    show_default=True,
    help="Trainer that FILE is for.",
)
@click.option("-o", "--output", metavar="OUT", help="File to write. [default: stdout]")
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Format of the account on stderr.",
)
def import_command(file: str, trainer: str, output: str | None, format: str) -> None:
    """Make a config of one for another trainer, and account for each of its keys on stderr.

    FILE is YAML, or `-` for stdin. Comments are kept, and defaults of the trainer are written where sftc has
    others. A key is imported, equal to a default, without effect, or not imported: then the account
    says what the run loses. If OUT exists, or FILE is not a config of the trainer, nothing is written.

    Exit codes: 0 the imported config means the same run; 1 it means another one, or nothing was written.
    """
    if output == STDIN:
        output = None
    if output and os.path.exists(output):
        raise click.UsageError(f"{output} exists; nothing was written.")
    chosen = None if trainer == AUTO else trainer
    try:
        imported = import_config(read_source(file), chosen, PACKAGED, json_beside(os.path.dirname(file)))
    except ConfigError as error:
        imported = ImportedConfig("", None, (), error.findings)
    if imported.text is not None and output:
        write_files({output: imported.text.encode()})
    click.echo(_account(file, imported, output, format), err=True, nl=False)
    if imported.text is not None and not output:
        write_stdout(imported.text)
    sys.exit(FINDINGS if any(found.is_error for found in imported.findings) else 0)


def _account(file: str, imported: ImportedConfig, output: str | None, format: str) -> str:
    if format != "text":
        rendered: str = import_module(f"sftc.report.{format}").render({file: bounded(imported.findings)})
        return rendered
    from sftc.report.tables import source_table
    from sftc.report.terminal import printable, render

    shown = [found for found in imported.findings if _is_shown(found, imported)]
    table = source_table(imported.keys)
    if imported.text is None:
        end = "nothing was written\n"
    else:
        end = f"wrote {printable(output)}; next: sftc lint {printable(output)}\n" if output else ""
    text = f"{table}\n{render(shown)}{end}" if table else f"{render(shown)}sftc: {end}"
    return text if is_colored(sys.stderr) else click.unstyle(text)


def _is_shown(found: Finding, imported: ImportedConfig) -> bool:
    """Return whether a finding is shown beside the table: all but notes about a key of the file."""
    return found.severity is not Severity.NOTE or not any(found is each.finding for each in imported.keys)
