"""The command `sftc`: parse, call, render, exit code. No logic of the compiler is here."""

import sys
from importlib import import_module

import click

from sftc.cli.exits import FAULT, FINDINGS, INTERRUPTED
from sftc.findings.finding import ConfigError
from sftc.version import __version__

COMMANDS = (
    "compile",
    "lint",
    "explain",
    "diff",
    "init",
    "schema",
    "migrate",
    "rule",
    "dataset",
    "train",
    "submit",
    "jobs",
    "serve",
    "chat",
)
"""The commands; `sftc.cli.NAME` holds `NAME_command`, and is imported when it is used."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"sftc.cli.{cmd_name}"), f"{cmd_name}_command")
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Compile fine-tuning configs into the payload of a training service.

    Exit codes: 0 done, 1 findings stop it, 2 wrong usage, 70 a fault of sftc, 130 interrupted,
    141 the reader of the output closed it.
    """


def main() -> None:
    """Run the command line and exit; a fault of the tool itself says that it is one."""
    try:
        code = cli.main(prog_name="sftc", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except ConfigError as error:
        from sftc.report.text import render

        click.echo(render(error.findings), err=True, nl=False)
        code = FINDINGS
    except OSError as error:
        click.echo(f"sftc: {error}", err=True)
        code = FINDINGS
    except ModuleNotFoundError as error:
        from sftc.cli.extras import advice

        code = FINDINGS
        if text := advice(error):
            click.echo(f"Error: {text}", err=True)
        else:
            _report_fault()
            code = FAULT
    except Exception:  # whatever arrives here is a fault of ours
        _report_fault()
        code = FAULT
    sys.exit(code)


def _report_fault() -> None:
    import platform
    import traceback

    click.echo(
        f"{traceback.format_exc()}\n"
        f"This is a fault of sftc {__version__} (Python {platform.python_version()}, {platform.system()}), "
        "not of your config; no payload was written.\n"
        "Please report it, with the lines above and the command that you ran.",
        err=True,
    )
