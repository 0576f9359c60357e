"""Options of a command that a project sets once, in the table `[tool.sftc]` of its pyproject.toml."""

import tomllib
from typing import Any

import click

FILE = "pyproject.toml"


class ProjectCommand(click.Command):
    """A command whose options have the defaults of the project it runs in."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Make the context as click does, with the defaults of the nearest pyproject.toml."""
        return super().make_context(info_name, args, parent, default_map=self._defaults(), **extra)

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
        return {str(flags[name]): value for name, value in table.items()}


def _table() -> dict[str, Any]:
    """Return `[tool.sftc]` of the pyproject.toml in this folder or the nearest one above it."""
    import os

    folder = os.getcwd()
    while True:
        path = os.path.join(folder, FILE)
        if os.path.isfile(path):
            try:
                with open(path, "rb") as file:
                    tool = tomllib.load(file).get("tool", {})
            except (OSError, ValueError) as error:
                raise click.UsageError(f"{path}: {error}") from error
            table = tool.get("sftc", {}) if isinstance(tool, dict) else {}
            if not isinstance(table, dict):
                raise click.UsageError(f"{path}: `tool.sftc` must be a table.")
            return table
        parent = os.path.dirname(folder)
        if parent == folder:
            return {}
        folder = parent
