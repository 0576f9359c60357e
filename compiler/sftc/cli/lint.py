"""`sftc lint`: findings as a report, and fixes applied."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

import click

from sftc.catalogue import RULES
from sftc.cli.exits import FINDINGS
from sftc.cli.options import ProjectCommand
from sftc.cli.output import write_files, write_stdout
from sftc.findings import ConfigError, Finding, Severity
from sftc.linting import files, lint, lint_file
from sftc.reading import STDIN, read
from sftc.source import Source

Lint = Callable[[Source], list[Finding]]

FORMATS = ("text", "json", "github", "gitlab", "sarif", "junit")
"""The formats; `sftc.report.NAME` holds the function `render`."""


@click.command("lint", cls=ProjectCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", type=click.Choice(FORMATS), default="text", show_default=True, help="The form of the report."
)
@click.option(
    "--select",
    multiple=True,
    type=click.Choice(list(RULES)),
    metavar="ID",
    help="Report this rule only. Repeatable.",
)
@click.option(
    "--ignore",
    multiple=True,
    type=click.Choice(list(RULES)),
    metavar="ID",
    help="Do not report this rule. Repeatable.",
)
@click.option(
    "--fix", "fixing", is_flag=True, help="Apply fixes that keep what the config means; report what is left."
)
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: apply the others, too.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 whatever is found.")
def lint_command(
    paths: Sequence[str],
    format: str,
    select: Sequence[str],
    ignore: Sequence[str],
    fixing: bool,
    unsafe_fixes: bool,
    diff: bool,
    exit_zero: bool,
) -> None:
    """Check configs, and fail on errors and warnings.

    PATH is a TOML file, `-` for stdin, or a folder: then its `*.sft.toml` files are meant, and
    every TOML file whose `#:schema` line names a schema of sftc. The table `[tool.sftc]` of the
    nearest pyproject.toml sets the same options, by the same names.
    """

    def chosen(found: Finding) -> bool:
        return found.id not in ignore and (not select or found.id in select)

    def check(source: Source) -> list[Finding]:
        return list(filter(chosen, lint(source)))

    configs = files(paths)
    if not configs:
        raise click.UsageError(f"no configs in {', '.join(paths)}.")
    if fixing or diff:
        if STDIN in configs:
            raise click.UsageError("stdin has no file that could be fixed.")
        changed = [pair for path in configs if (pair := _fixed(path, check, unsafe_fixes))]
        if diff:
            from sftc.report.patch import patch

            write_stdout(patch(changed).encode())
            sys.exit(FINDINGS if changed and not exit_zero else 0)
        write_files({after.name: after.text.encode() for _, after in changed})
    reports = {path: list(filter(chosen, lint_file(path))) for path in configs}
    write_stdout(_report(format, reports).encode("utf-8", "backslashreplace"))
    failing = any(found.severity is not Severity.NOTE for each in reports.values() for found in each)
    sys.exit(FINDINGS if failing and not exit_zero else 0)


def _fixed(path: str, check: Lint, unsafe: bool) -> tuple[Source, Source] | None:
    """Return the config at `path` before and after its fixes, `None` where nothing changes."""
    from sftc.fixing import fix

    try:
        before = read(path)
    except ConfigError:
        return None
    after = fix(before, check, unsafe=unsafe)
    return (before, after) if after.text != before.text else None


def _report(format: str, reports: Mapping[str, Sequence[Finding]]) -> str:
    if format != "text":
        rendered: str = import_module(f"sftc.report.{format}").render(reports)
        return rendered
    findings = [found for each in reports.values() for found in each]
    where = f"in {len(reports)} file{'s' if len(reports) > 1 else ''}\n"
    if not findings:
        return f"no findings {where}"
    from sftc.report.text import count, render

    colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    text = f"{render(findings)}{count(findings)} {where}"
    return text if colored else click.unstyle(text)
