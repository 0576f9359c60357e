"""A click group that imports each command only when it is used, which keeps startup fast."""

import sys
from importlib import import_module

import click

from sftc.text.suggest import near


class LazyGroup(click.Group):
    """A group whose commands are `NAME_command` in the module `sftc.cli.[GROUP_]NAME_command`.

    Args:
        names: the command names, in the order of the help.
        group: the name of this group, or an empty string for the top level.
    """

    def __init__(self, *args: object, names: tuple[str, ...] = (), group: str = "", **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]  # click's own arguments, passed through
        self._names = names
        self._group = group

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. If the reader of stderr has closed it, exit as for stdout; click exits with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            from sftc.cli.output import end_closed

            end_closed(sys.stderr)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option `--help`, changed to write with `write_stdout`."""
        return _written(super().get_help_option(ctx))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return [*self._names]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` begin with.

        Raises:
            click.UsageError: there is none; the message has the nearest.
        """
        name = args[0]
        if name not in self._names and not name.startswith("-") and (meant := near(name, self._names)):
            raise click.UsageError(f"no command {name!r}; did you mean {meant!r}?", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command named `cmd_name`, or `None` if there is none."""
        if cmd_name not in self._names:
            return None
        prefix = f"{self._group}_" if self._group else ""
        module = import_module(f"sftc.cli.{prefix}{cmd_name}_command")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        inner = command.commands.values() if isinstance(command, click.Group) else ()
        for each in (command, *inner):
            _written(each.get_help_option(ctx))
        return command


def _written(option: click.Option | None) -> click.Option | None:
    """Make a help option write with `write_stdout`. click's own output fails twice on a full disk."""
    if option:
        option.callback = _write_help
    return option


def _write_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from sftc.cli.output import write_stdout

        write_stdout(f"{ctx.get_help()}\n")
        ctx.exit()
