"""`sftc dataset`: check, convert, describe, sample and preview training files."""

import click

from sftc.cli.lazy_group import LazyGroup

COMMANDS = ("check", "convert", "stats", "head", "preview")


@click.group("dataset", cls=LazyGroup, names=COMMANDS, group="dataset")
def dataset_command() -> None:
    """Check and convert training files, describe and preview them, and take samples."""
