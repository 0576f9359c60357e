"""`sftc diff`: compare the meaning of two configs."""

import sys

import click

from sftc.cli.configs import load_compiled
from sftc.cli.exits import DIFFERS, TROUBLE
from sftc.cli.options import table_option, target_option
from sftc.cli.output import show_error, write_stdout
from sftc.contract.targets import Target
from sftc.findings.finding import ConfigError
from sftc.text.keys import ABSENT
from sftc.text.source import STDIN, escaped
from sftc.tools.diff import Change, Sum, changes, sums


@click.command("diff", short_help="Compare two configs by meaning.")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@table_option
@target_option
def diff_command(before: str, after: str, format: str, target: Target) -> None:
    """Compare configs A and B by meaning: payload values, files, GPUs and batch.

    Each is a file, or REV:PATH in the git repository. Exits with 0 if they mean the same, 1 if they
    differ, 2 if they cannot be compared.
    """
    if before == after == STDIN:
        raise click.UsageError("stdin cannot be both configs.")
    try:
        a, b = (load_compiled(each, target=target) for each in (before, after))
    except click.ClickException as error:
        show_error(error)
        sys.exit(TROUBLE)
    found, figures = list(changes(a, b)), list(sums(a, b))
    try:
        if format == "json":
            write_stdout(_json(found, figures))
        elif found:
            from sftc.report.tables import comparison

            write_stdout(comparison(found, figures))
    except ConfigError as error:
        show_error(click.ClickException(str(error)))
        sys.exit(TROUBLE)
    sys.exit(DIFFERS if found else 0)


def _json(found: list[Change], figures: list[Sum]) -> str:
    from sftc.report.json import to_json

    def side(value: object, place: str) -> object:
        return None if value is ABSENT else {"value": value, "from": escaped(place)}

    report = {
        "version": 1,
        "changes": [
            {
                "at": each.at,
                "before": side(each.before, each.before_place),
                "after": side(each.after, each.after_place),
            }
            for each in found
        ],
        "consequences": [each._asdict() for each in figures],
    }
    return to_json(report)
