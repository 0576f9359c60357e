"""`sftc schema`: the schemas, for editors and other programs."""

import click

from sftc.cli.output import write_files, write_stdout
from sftc.contract.versions import CONFIG, PACKAGED, PAYLOAD
from sftc.text.keys import dotted

SUFFIX = ".schema.json"
REPORT = "report"
"""What `sftc lint --format json` prints; it has a version of its own, and no references."""


def _names() -> list[str]:
    """Return the names of all schemas: the whole config, its sections, the payload, a report."""
    contract = PACKAGED.version(PACKAGED.versions[-1])
    sections = [dotted(path) for path in contract.sections]
    return [CONFIG.removesuffix(SUFFIX), *sections, PAYLOAD.removesuffix(SUFFIX), REPORT]


@click.command("schema", short_help="Print the JSON Schemas.")
@click.argument("section", metavar="[SECTION]", required=False)
@click.option("--bundle", is_flag=True, help="One file, all references local, as editors want it.")
@click.option("-o", "--output", metavar="FILE", help="Write it to this file, not to stdout.")
@click.option("--list", "listing", is_flag=True, help="List the names of all schemas.")
def schema_command(section: str | None, bundle: bool, output: str | None, listing: bool) -> None:
    """Print the JSON Schema of SECTION, or of the whole config (draft-07).

    For an editor: `sftc schema --bundle --output sftc.schema.json`, and in the first line of a
    config `#:schema ./sftc.schema.json`.
    """
    names = _names()
    if listing:
        write_stdout("".join(f"{name}\n" for name in names))
        return
    name = section or names[0]
    if name not in names:
        raise click.UsageError(f"no schema {name!r}; there are {', '.join(names)}.")
    file, contract = f"{name}{SUFFIX}", PACKAGED.version(PACKAGED.versions[-1])
    read = contract.bundle if bundle else contract.read
    data = PACKAGED.read(file) if name == REPORT else read(file)
    if output:
        write_files({output: data})
    else:
        write_stdout(data)
