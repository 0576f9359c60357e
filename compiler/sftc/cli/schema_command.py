"""`sftc schema`: print the JSON Schemas, for editors and other programs."""

import click

from sftc.cli.output import write_files, write_stdout
from sftc.contract.versions import PACKAGED, Contract
from sftc.text.keys import dotted

REPORT = "report.schema.json"
"""The schema of `sftc lint --format json`. It has its own version and no references."""

PREVIEW = "preview.schema.json"
"""The schema of `sftc dataset preview --format json`, which is like it."""

ESTIMATE = "estimate.schema.json"
"""The schema of `sftc estimate --format json`."""

DRY_RUN = "dry-run.schema.json"
"""The schema of `sftc train --dry-run --format json`."""


def _files(contract: Contract) -> dict[str, str]:
    """Return the file of each schema, by name: the config, its sections, the payload and the reports."""
    return {
        "config": contract.config_schema,
        **{dotted(section): file for section, file in contract.sections.items()},
        "payload": contract.target.payload_schema,
        "report": REPORT,
        "preview": PREVIEW,
        "estimate": ESTIMATE,
        "dry-run": DRY_RUN,
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
    bundled = bundle and files[name] not in {
        REPORT,
        PREVIEW,
        ESTIMATE,
        DRY_RUN,
    }  # they refer to no other file
    data = contract.bundle(files[name]) if bundled else PACKAGED.read(files[name])
    if output:
        write_files({output: data})
    else:
        write_stdout(data)
