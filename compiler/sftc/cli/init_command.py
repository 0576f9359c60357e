"""`sftc init`: a config to begin with."""

import os

import click

from sftc.cli.output import write_files
from sftc.contract.versions import PACKAGED
from sftc.tools.init import write_config

SCHEMA = "sftc.schema.json"


_CONTRACT = PACKAGED.newest
_TITLES = "".join(f"\n\n{name}: {each['title']}" for name, each in _CONTRACT.templates.items())


@click.command("init", short_help="Write a commented config to begin with.", epilog=f"Templates:{_TITLES}")
@click.argument("path", metavar="[PATH]", default="job.sft.toml")
@click.option(
    "--template",
    type=click.Choice(list(_CONTRACT.templates)),
    default="lora",
    show_default=True,
    help="What to begin with.",
)
def init_command(path: str, template: str) -> None:
    """Write a commented config to PATH (job.sft.toml), and beside it the schema for your editor."""
    if path == "-" or not os.path.basename(path):
        raise click.UsageError(f"{path!r} is no name of a file.")
    if os.path.exists(path):
        raise click.UsageError(f"{path} exists, and is left as it is.")
    schema = os.path.join(os.path.dirname(path), SCHEMA)
    files = {path: write_config(_CONTRACT, template, f"./{SCHEMA}").encode()}
    if not os.path.exists(schema):
        files[schema] = _CONTRACT.bundle(_CONTRACT.config_schema)
    write_files(files)
    click.echo(f"Wrote {' and '.join(files)}. Next: sftc lint {path}", err=True)
