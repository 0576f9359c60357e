"""`sftc dataset`: the training file checked, described and sampled."""

from importlib import import_module

import click

COMMANDS = ("check", "stats", "head")
"""The commands; `sftc.cli.dataset.NAME` holds `NAME_command`, and is imported when it is used."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"sftc.cli.dataset.{cmd_name}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command


@click.group("dataset", cls=_Commands)
def dataset_command() -> None:
    """Check training files, describe them, and take samples."""
