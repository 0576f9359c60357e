"""`sftc migrate`: upgrade configs to the newest version of the contract."""

import sys
from collections.abc import Sequence

import click

from sftc.cli.configs import expand_configs
from sftc.cli.exits import FINDINGS
from sftc.cli.output import write_files, write_stdout
from sftc.contract.versions import PACKAGED
from sftc.document.reading import read_source
from sftc.findings.finding import ConfigError, Severity
from sftc.tools.migrate import migrate


@click.command("migrate", short_help="Rewrite configs for the newest version of the contract.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--diff", is_flag=True, help="Show the changes without making them.")
def migrate_command(paths: Sequence[str], diff: bool) -> None:
    """Rewrite configs for the newest version of the contract; comments and layout are kept.

    PATH is a file or a folder, as for `sftc lint`. Each change is listed on stderr, and so is what
    is left to you. A file stays as it is if it contradicts itself, or would have errors.

    Exit codes: 0 every file is of the newest version; 1 a file has something that is left to you.
    """
    from sftc.report.terminal import printable, render

    changed, failed = [], False
    for path in expand_configs(paths, to_change=True):
        try:
            before = read_source(path)
            after, changes, problems, left = migrate(before, PACKAGED)
        except ConfigError as error:
            problems = error.findings
        if problems:
            click.echo(render(problems), err=True, nl=False)
            failed = True
            continue
        for span, what, why in changes:
            click.echo(printable(f"{path}:{span.line}: {what}. {why}"), err=True)
        if after.text != before.text:
            changed.append((before, after))
        if left:
            click.echo(f"Left in {printable(path)}, by the lines of the changed file:", err=True)
            click.echo(render(left), err=True, nl=False)
            failed |= any(found.severity is not Severity.NOTE for found in left)
    if diff:
        from sftc.report.patch import patch

        write_stdout(patch(changed))
    else:
        write_files({after.name: after.text.encode() for _, after in changed})
    if not changed and not failed:
        click.echo(f"Nothing to do: version {PACKAGED.newest.version} is the newest.", err=True)
    sys.exit(FINDINGS if failed else 0)
