"""Shared options, and option defaults from the project's pyproject.toml."""

import tomllib
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

import click

from sftc.contract.targets import DEFAULT
from sftc.document.overrides import Override

if TYPE_CHECKING:
    from sftc.contract.targets import Target

FILE = "pyproject.toml"


def _overrides(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> list[Override]:
    try:
        return [Override.parse(value) for value in values]
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


class _PositiveNumber(click.FloatRange):
    """A number above 0. click takes `nan` for one, and `inf`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


POSITIVE_NUMBER = _PositiveNumber(0, min_open=True)
"""The type of options such as a price and a number of seconds."""

set_option = click.option(
    "overrides",
    "--set",
    multiple=True,
    callback=_overrides,
    metavar="KEY=VALUE",
    help="Override a value of the config with a TOML value; a bare word is a string. Repeatable.",
)
"""The option `--set`, for commands that compile a config."""


def _target(ctx: click.Context, param: click.Parameter, name: str) -> "Target":
    from sftc.cli.target_names import find_target

    return find_target(name)


target_option = click.option(
    "--target",
    default=DEFAULT,
    show_default=True,
    callback=_target,
    metavar="NAME",
    help="What to compile to: a name that `sftc targets` lists, or the folder of your own target.",
)
"""The option `--target`, for commands that compile a config to one target."""

offline_model_option = click.option(
    "--offline-model",
    metavar="DIR",
    help="Folder of the base model, if it has another name on the service.",
)
"""The option `--offline-model` of commands that read the files of a model."""


def check_offline_model(folder: str) -> None:
    """Check what `--offline-model` names.

    Raises:
        click.UsageError: it is not the folder of a model.
    """
    from sftc.tools.model_files import read_model

    try:
        read_model(folder)
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{folder} is not the folder of a model: {error}.") from error


watch_option = click.option(
    "--watch", "watching", is_flag=True, help="Run again whenever a file changes, until Ctrl-C."
)
"""The option `--watch`, for commands that `rerun` runs again."""

table_option = click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Format of the output.",
)
"""The option `--format`, for commands that print a table."""


class ProjectCommand(click.Command):
    """A command that takes the defaults of its options from `[tool.sftc]` in pyproject.toml."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return a click context with the defaults of the nearest pyproject.toml.

        Raises:
            click.UsageError: the table sets an unknown option, or a wrong value.
        """
        try:
            return super().make_context(info_name, args, parent, default_map=self._defaults(), **extra)
        except click.BadParameter as error:
            name = error.param and error.param.name
            source = error.ctx.get_parameter_source(name) if error.ctx and name else None
            if source is not click.core.ParameterSource.DEFAULT_MAP:
                raise
            message = f"[tool.sftc] in {FILE}: {str(name).replace('_', '-')}: {error.message}"
            raise click.UsageError(message, error.ctx) from error

    def _defaults(self) -> dict[str, Any]:
        table = _table()
        flags = {
            param.opts[0].lstrip("-"): param.name for param in self.params if isinstance(param, click.Option)
        }
        if unknown := table.keys() - flags.keys():
            known = ", ".join(flags)
            raise click.UsageError(
                f"[tool.sftc] in {FILE} sets {', '.join(sorted(unknown))}, and only {known} can be set there."
            )
        for param in self.params:
            name = param.opts[0].lstrip("-")
            if isinstance(param, click.Option) and name in table and not _fits(table[name], param):
                raise click.UsageError(f"[tool.sftc] in {FILE}: {name} must be {_kind(param)}.")
        return {str(flags[name]): value for name, value in table.items()}


def _fits(value: object, option: click.Option) -> bool:
    if option.is_flag:
        return isinstance(value, bool)
    values = value if option.multiple else [value]
    return isinstance(values, list) and all(isinstance(each, str) for each in values)


def _kind(option: click.Option) -> str:
    if option.is_flag:
        return "true or false"
    return "a list of strings" if option.multiple else "a string"


def _table() -> dict[str, Any]:
    """Return the `[tool.sftc]` table of the nearest pyproject.toml, in this folder or above it."""
    import os

    try:
        folder = os.getcwd()
    except FileNotFoundError:  # somebody removed it
        return {}
    while True:
        path = os.path.join(folder, FILE)
        if os.path.isfile(path):
            try:
                with open(path, "rb") as file:
                    tool = tomllib.load(file).get("tool", {})
            except (OSError, ValueError, RecursionError) as error:
                raise click.UsageError(f"{path}: {error}") from error
            table = tool.get("sftc", {}) if isinstance(tool, dict) else {}
            if not isinstance(table, dict):
                raise click.UsageError(f"{path}: `tool.sftc` must be a table.")
            return table
        parent = os.path.dirname(folder)
        if parent == folder:
            return {}
        folder = parent
