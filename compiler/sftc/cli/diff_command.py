"""`sftc diff`: compare the meaning of two configs."""

import sys

import click

from sftc.cli.configs import load_compiled, show_warnings
from sftc.cli.exits import DIFFERS, TROUBLE
from sftc.cli.options import table_option, target_option
from sftc.cli.output import show_error, write_stdout
from sftc.contract.targets import Target
from sftc.findings.finding import ConfigError
from sftc.text.source import STDIN
from sftc.tools.diff import changes, sums


@click.command("diff", short_help="Compare two configs by meaning.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@table_option
@target_option
def diff_command(before: str, after: str, format: str, target: Target) -> None:
    """Compare configs A and B by meaning: payload values, files, GPUs and batch.

    Each is a file, or REV:PATH in the git repository. Warnings that only B has go to stderr: a misspelt
    key changes nothing. Exits with 0 if they mean the same, 1 if they differ, 2 if they cannot be compared.
    """
    if before == after == STDIN:
        raise click.UsageError("stdin cannot be both configs.")
    try:
        a, b = (load_compiled(each, target=target) for each in (before, after))
    except click.ClickException as error:
        show_error(error)
        sys.exit(TROUBLE)
    from sftc.report.tables import comparison_json, comparison_table

    found, figures = list(changes(a, b)), list(sums(a, b))
    known = {(each.id, each.path) for each in a.findings}
    show_warnings(each for each in b.findings if (each.id, each.path) not in known)
    try:
        if format == "json":
            write_stdout(comparison_json(found, figures))
        elif found:
            write_stdout(comparison_table(found, figures))
    except ConfigError as error:
        show_error(click.ClickException(str(error)))
        sys.exit(TROUBLE)
    sys.exit(DIFFERS if found else 0)
