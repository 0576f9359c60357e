"""`sftc dataset`: check, convert, describe and sample training files."""

import click

from sftc.cli.lazy_group import LazyGroup

COMMANDS = ("check", "convert", "stats", "head")


@click.group("dataset", cls=LazyGroup, names=COMMANDS, group="dataset")
def dataset_command() -> None:
    """Check and convert training files, describe them, and take samples."""
