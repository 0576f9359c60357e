"""The entry point: the list of commands, and the exit code of each kind of failure."""

import sys
from collections.abc import Mapping
from typing import Final

import click

from sftc.cli.exits import FAULT, FINDINGS, INTERRUPTED
from sftc.cli.lazy_group import LazyGroup
from sftc.cli.output import end_closed, show_error
from sftc.findings.finding import ConfigError
from sftc.version import __version__

COMMANDS = (
    "compile",
    "targets",
    "lint",
    "lsp",
    "explain",
    "diff",
    "init",
    "schema",
    "migrate",
    "import",
    "sweep",
    "rule",
    "dataset",
    "estimate",
    "train",
    "submit",
    "jobs",
    "serve",
    "chat",
    "export",
)
"""The commands, in the order of the help."""


EXTRAS: Final[Mapping[str, str]] = {
    "backports": "dataset",
    "dotenv": "submit",
    "gguf": "gguf",
    "httpx": "submit",
    "jinja2": "preview",
    "lsprotocol": "lsp",
    "matplotlib": "plot",
    "numpy": "dataset",
    "peft": "train",
    "pyarrow": "convert",
    "pygls": "lsp",
    "python_multipart": "local",
    "ray": "ray",
    "re2": "dataset",
    "ruamel": "import",
    "starlette": "local",
    "stringzilla": "dataset",
    "torch": "train",
    "transformers": "preview",
    "uvicorn": "local",
}
"""The extra that installs each optional package."""


def _write_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from sftc.cli.output import write_stdout

        write_stdout(f"sftc {__version__}\n")
        ctx.exit()


@click.group(cls=LazyGroup, names=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_write_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Compile fine-tuning configs into the payload of a training service.

    Exit codes: 0 done, 1 findings stop the command, 2 wrong usage, 70 a bug in sftc,
    130 interrupted, 141 the reader of the output closed it. `sftc train` has more.
    """


def main() -> None:
    """Run the command line and exit. An unexpected exception is reported as a bug in sftc."""
    try:
        code = _run()
    except BrokenPipeError:
        end_closed(sys.stderr)
    sys.exit(code)


def _run() -> int:
    """Run the command line and return the exit code.

    Raises:
        BrokenPipeError: the reader of stderr closed it.
    """
    try:
        code: int = cli.main(prog_name="sftc", standalone_mode=False)
    except click.ClickException as error:
        show_error(error)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except ConfigError as error:
        from sftc.report.terminal import render

        click.echo(render(error.findings).rstrip("\n"), err=True)
        code = FINDINGS
    except OSError as error:
        from sftc.report.terminal import printable

        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        click.echo(f"sftc: {printable(where + (error.strerror or str(error)))}", err=True)
        code = FINDINGS
    except ModuleNotFoundError as error:
        code = FINDINGS
        if text := install_hint(error):
            click.echo(f"Error: {text}", err=True)
        else:
            _report_fault()
            code = FAULT
    except Exception:  # no user error gets here, so this is a bug in sftc
        _report_fault()
        code = FAULT
    return code


def _report_fault() -> None:
    import platform
    import traceback

    from sftc.report.terminal import printable_lines

    click.echo(
        f"{printable_lines(traceback.format_exc())}\n"
        f"This is a bug in sftc {__version__} (Python {platform.python_version()}, {platform.system()}), "
        "not in your config; no payload was written.\n"
        "Please report it, with the lines above and the command that you ran.",
        err=True,
    )


def install_hint(error: ModuleNotFoundError) -> str | None:
    """Return a hint that names the extra to install, or `None` if no extra provides the module."""
    package = str(error.name).partition(".")[0]
    extra = EXTRAS.get(package)
    return extra and f"this needs the package {package}: pip install 'sftc[{extra}]'"
