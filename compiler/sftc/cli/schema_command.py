"""`sftc schema`: print the JSON Schemas, for editors and other programs."""

import click

from sftc.cli.output import write_files, write_stdout
from sftc.contract.versions import PACKAGED, Contract
from sftc.text.keys import dotted

REPORTS = {name: f"{name}.schema.json" for name in ("report", "preview", "estimate", "dry-run")}
"""The schemas of what commands print as JSON. Each has a version of its own, and refers to no other file."""


def _files(contract: Contract) -> dict[str, str]:
    """Return the file of each schema, by name: the config, its sections, the payload and the reports."""
    return {
        "config": contract.config_schema,
        **{dotted(section): file for section, file in contract.sections.items()},
        "payload": contract.target.payload_schema,
        **REPORTS,
    }


@click.command("schema", short_help="Print the JSON Schemas.")
@click.argument("section", metavar="[SECTION]", required=False)
@click.option("--bundle", is_flag=True, help="Print one file with local references only, for editors.")
@click.option("-o", "--output", metavar="FILE", help="Write to this file instead of stdout.")
@click.option(
    "--version",
    type=click.Choice([str(each) for each in PACKAGED.versions]),
    default=str(PACKAGED.versions[-1]),
    show_default=True,
    help="Version of the contract.",
)
@click.option("--list", "listing", is_flag=True, help="List the names of all schemas.")
def schema_command(
    section: str | None, bundle: bool, output: str | None, version: str, listing: bool
) -> None:
    """Print the JSON Schema of SECTION, or of the whole config (draft-07).

    For an editor: `sftc schema --bundle --output sftc.schema.json`, and in the first line of a
    config `#:schema ./sftc.schema.json`.
    """
    contract = PACKAGED.version(int(version))
    files = _files(contract)
    if listing:
        write_stdout("".join(f"{name}\n" for name in files))
        return
    name = section or "config"
    if name not in files:
        raise click.UsageError(f"no schema {name!r}; there are {', '.join(files)}.")
    bundled = bundle and name not in REPORTS
    data = contract.bundle(files[name]) if bundled else PACKAGED.read(files[name])
    if output:
        write_files({output: data})
    else:
        write_stdout(data)
