"""`sftc targets`: list the targets, or show what one does with each key."""

from typing import Any

import click

from sftc.cli.options import table_option
from sftc.cli.output import write_stdout
from sftc.cli.target_names import find_target
from sftc.contract.targets import Target
from sftc.contract.versions import PACKAGED
from sftc.text.keys import dotted
from sftc.tools.describe_target import keys_of


@click.command("targets", short_help="List what a config can be compiled to.")
@click.argument("name", metavar="[NAME]", required=False)
@table_option
def targets_command(name: str | None, format: str) -> None:
    """List all targets, or show for the target NAME how each key of a config is written.

    A key is written, written in part, not written, or left out because the run is the same without it.
    """
    if name is None:
        targets = [PACKAGED.target(each) for each in PACKAGED.target_names]
        if format == "json":
            from sftc.report.json import to_json

            listed = [_facts(each) for each in targets]
            write_stdout(to_json({"version": 1, "targets": listed}))
        else:
            from sftc.report.tables import target_list

            write_stdout(target_list(targets))
        return
    target = find_target(name)
    keys = list(keys_of(target, PACKAGED.newest))
    if format == "json":
        from sftc.report.json import to_json

        listed = [
            {
                "key": dotted(each.path),
                "verdict": each.verdict,
                "to": each.to,
                "limits": [limit._asdict() for limit in each.limits],
                "why": each.why or None,
            }
            for each in keys
        ]
        write_stdout(to_json({"version": 1, **_facts(target), "keys": listed}))
    else:
        from sftc.report.tables import target_keys

        write_stdout(target_keys(target, keys))


def _facts(target: Target) -> dict[str, Any]:
    files = [{"name": each.name, "form": each.form} for each in target.facts.files]
    return {"name": target.name, **target.facts._asdict(), "files": files}
