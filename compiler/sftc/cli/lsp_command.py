"""`sftc lsp`: the language server, which editors start."""

import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from sftc.cli.exits import FINDINGS
from sftc.cli.lint_command import lint_command
from sftc.cli.target_names import find_target, find_targets
from sftc.contract.targets import DEFAULT
from sftc.findings.finding import ConfigError
from sftc.text.source import STDIN

if TYPE_CHECKING:
    from sftc.editor.open_config import LintChoices


@click.command("lsp", short_help="Run the language server, for editors.")
@click.option(
    "--target",
    metavar="NAME",
    help="What configs are for, unless the editor says otherwise; `sftc targets` lists the names.",
)
def lsp_command(target: str | None) -> None:
    """Run the language server on standard input and output.

    An editor starts it. Findings are those of `sftc lint`, with the options that `[tool.sftc]` of the
    nearest pyproject.toml sets for it. Of several targets, configs are for the first. It exits with 0
    if the editor ended the session as the protocol says, and with 1 if not.
    """
    from sftc.editor.editor_session import serve_editor
    from sftc.editor.message_stream import NotMessagesError
    from sftc.editor.open_config import LintChoices

    choices = LintChoices(find_target(target or DEFAULT))
    if sys.stdin is None or sys.stdout is None:
        raise click.ClickException("an editor starts it, with standard input and output")
    if sys.stdin.isatty():
        click.echo(
            "Editors start this, and send it their messages on standard input. Ctrl-C ends it.", err=True
        )
    try:
        is_ended = serve_editor(partial(_choices, target), choices)
    except NotMessagesError as error:
        raise click.ClickException(f"what comes on standard input is not from an editor: {error}") from error
    sys.exit(0 if is_ended else FINDINGS)


def _choices(option: str | None, named: str | None) -> "LintChoices":
    """Return what the project in this folder wants, for the target that an editor or the option names.

    Raises:
        ValueError: there is no such target, or pyproject.toml is wrong.
    """
    from sftc.editor.open_config import LintChoices

    try:
        options = lint_command.make_context("lint", [STDIN]).params
        first = named or option
        targets = find_targets([first] if first else options["target_names"] or [DEFAULT])
    except click.ClickException as error:
        raise ValueError(error.format_message()) from error
    except ConfigError as error:
        raise ValueError(str(error)) from error
    return LintChoices(
        targets[0], options["select"], options["ignore"], options["offline_model"], options["estimates"]
    )
