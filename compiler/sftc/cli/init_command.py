"""`sftc init`: write a starter config."""

import os

import click

from sftc.cli.output import write_files
from sftc.contract.versions import PACKAGED
from sftc.tools.init import write_config

SCHEMA = "sftc.schema.json"


_CONTRACT = PACKAGED.newest
_TITLES = "".join(f"\n\n{name}: {each['title']}" for name, each in _CONTRACT.templates.items())


@click.command("init", short_help="Write a new, commented config.", epilog=f"Templates:{_TITLES}")
@click.argument("path", metavar="[PATH]", default="job.sft.toml")
@click.option(
    "--template",
    type=click.Choice(list(_CONTRACT.templates)),
    default="lora",
    show_default=True,
    help="Template of the config.",
)
def init_command(path: str, template: str) -> None:
    """Write a commented config to PATH (job.sft.toml), and the schema for your editor next to it."""
    if path == "-" or not os.path.basename(path):
        raise click.UsageError(f"{path!r} is not the name of a file.")
    if os.path.exists(path):
        raise click.UsageError(f"{path} exists; nothing was written.")
    schema = os.path.join(os.path.dirname(path), SCHEMA)
    files = {path: write_config(_CONTRACT, template, f"./{SCHEMA}").encode()}
    if not os.path.exists(schema):
        files[schema] = _CONTRACT.bundle(_CONTRACT.config_schema)
    write_files(files)
    from sftc.report.terminal import printable

    click.echo(printable(f"Wrote {' and '.join(files)}. Next: sftc lint {path}"), err=True)
