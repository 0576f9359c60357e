"""`sftc migrate`: upgrade configs to the newest version of the contract."""

import sys
from collections.abc import Sequence

import click

from sftc.cli.configs import expand_configs
from sftc.cli.exits import FINDINGS
from sftc.cli.output import write_files, write_stdout
from sftc.contract.versions import PACKAGED
from sftc.document.reading import read_source
from sftc.findings.finding import ConfigError
from sftc.tools.migrate import migrate


@click.command("migrate", short_help="Rewrite configs for the newest version of the contract.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--diff", is_flag=True, help="Show the changes without making them.")
def migrate_command(paths: Sequence[str], diff: bool) -> None:
    """Rewrite configs for the newest version of the contract; comments and layout are kept.

    PATH is a file or a folder, as for `sftc lint`.
    """
    changed, failed = [], False
    for path in expand_configs(paths, to_change=True):
        try:
            before = read_source(path)
            after = migrate(before, PACKAGED)
        except ConfigError as error:
            from sftc.report.terminal import render

            click.echo(render(error.findings), err=True, nl=False)
            failed = True
            continue
        if after.text != before.text:
            changed.append((before, after))
    if diff:
        from sftc.report.patch import patch

        write_stdout(patch(changed))
    elif not failed:
        write_files({after.name: after.text.encode() for _, after in changed})
    if not changed and not failed:
        click.echo(f"Nothing to do: version {PACKAGED.versions[-1]} is the newest.", err=True)
    sys.exit(FINDINGS if failed else 0)
