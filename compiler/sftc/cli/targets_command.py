"""`sftc targets`: list the targets, or show what one does with each key."""

import click

from sftc.cli.options import table_option
from sftc.cli.output import write_stdout
from sftc.cli.target_names import find_target
from sftc.contract.versions import PACKAGED
from sftc.tools.describe_target import keys_of


@click.command("targets", short_help="List what a config can be compiled to.")
@click.argument("name", metavar="[NAME]", required=False)
@table_option
def targets_command(name: str | None, format: str) -> None:
    """List all targets, or show for the target NAME how each key of a config is written.

    A key is written, written in part, not written, or left out because the run is the same without it.
    """
    from sftc.report.tables import target_json, target_table, targets_json, targets_table

    if name is None:
        targets = [PACKAGED.target(each) for each in PACKAGED.target_names]
        write_stdout((targets_json if format == "json" else targets_table)(targets))
        return
    target = find_target(name)
    keys = list(keys_of(target, PACKAGED.newest))
    write_stdout((target_json if format == "json" else target_table)(target, keys))
