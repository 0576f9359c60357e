"""`sftc lint`: report findings and apply fixes."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from sftc.checks.catalogue import CONFIG_RULES
from sftc.cli.configs import expand_configs
from sftc.cli.exits import FINDINGS
from sftc.cli.options import ProjectCommand, check_offline_model, offline_model_option, watch_option
from sftc.cli.output import is_colored, write_files, write_stdout
from sftc.cli.target_names import find_targets
from sftc.document.reading import read_source
from sftc.findings.finding import ConfigError, Finding, Severity, bounded, by_file
from sftc.text.source import Source
from sftc.text.suggest import near
from sftc.tools.lint import lint, lint_file

if TYPE_CHECKING:
    from sftc.tools.fix import FixFilter

FORMATS = ("text", "json", "github", "gitlab", "sarif", "junit")
"""The output formats. Except for `text`, the module `sftc.report.NAME` defines `render`."""


class _RuleId(click.Choice):  # type: ignore[type-arg]  # generic in newer releases
    """The id of a rule. A wrong one gets the nearest, as there are too many to list."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the id."""
        if value not in self.choices:
            meant = near(str(value), self.choices)
            self.fail(f"no rule {value!r}" + (f"; did you mean {meant!r}?" if meant else "."), param, ctx)
        return value


@click.command("lint", cls=ProjectCommand)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format", type=click.Choice(FORMATS), default="text", show_default=True, help="Format of the report."
)
@click.option(
    "--select",
    multiple=True,
    type=_RuleId(list(CONFIG_RULES)),
    metavar="ID",
    help="Report only this rule. Repeatable.",
)
@click.option(
    "--ignore",
    multiple=True,
    type=_RuleId(list(CONFIG_RULES)),
    metavar="ID",
    help="Do not report this rule. Repeatable.",
)
@click.option(
    "--fix",
    "fixing",
    is_flag=True,
    help="Apply fixes that keep the meaning; report the remaining findings.",
)
@click.option("--unsafe-fixes", is_flag=True, help="With --fix or --diff: also apply the other fixes.")
@click.option("--diff", is_flag=True, help="Show the changes of --fix without making them.")
@click.option(
    "--target",
    "target_names",
    multiple=True,
    metavar="NAME,...",
    help="Report what these targets cannot express; `sftc targets` lists the names. Repeatable.",
)
@offline_model_option
@click.option(
    "--estimate", "estimates", is_flag=True, help="Report runs that do not fit their `compute.gpu_type`."
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are errors.")
@watch_option
def lint_command(
    paths: Sequence[str],
    format: str,
    select: Sequence[str],
    ignore: Sequence[str],
    fixing: bool,
    unsafe_fixes: bool,
    diff: bool,
    target_names: Sequence[str],
    offline_model: str | None,
    estimates: bool,
    exit_zero: bool,
    watching: bool,
) -> None:
    """Check configs; exit with 1 on errors and warnings.

    PATH is a TOML file, `-` for stdin, or a folder: all its `*.sft.toml` files, and every TOML file
    whose `#:schema` line names a file called `sftc...`. The table `[tool.sftc]` of the nearest
    pyproject.toml sets defaults for these options, by the same names.

    If the base model is a folder or in the Hugging Face cache, its files are read as well: the names
    of its modules, its longest sequence, its chat template.
    """
    _check_flags(fixing=fixing, diff=diff, unsafe_fixes=unsafe_fixes, watching=watching)
    if offline_model:
        check_offline_model(offline_model)
    targets = find_targets(target_names)

    def chosen(found: Finding) -> bool:
        return found.id not in ignore and (not select or found.id in select)

    def check() -> int:
        """Check, fix and report once; return the exit code."""
        configs = expand_configs(paths, to_change=fixing or diff)
        changed: list[tuple[Source, Source]] = []
        if fixing or diff:
            changed = _fixed(
                configs,
                partial(lint, model=offline_model, targets=targets, estimates=estimates),
                lambda found: chosen(found) and (unsafe_fixes or _is_safe(found)),
            )
        if fixing and not diff:
            _write(changed)
        fixed = {after.name: after for _, after in changed}
        findings = (
            (
                path,
                lint(fixed[path], offline_model, targets, estimates=estimates)
                if path in fixed
                else lint_file(path, offline_model, targets, estimates=estimates, only_file=watching),
            )
            for path in configs
        )
        reports = _by_file((path, filter(chosen, found)) for path, found in findings)
        failing = any(found.severity is not Severity.NOTE for each in reports.values() for found in each)
        if diff:
            _show(changed, reports)
        else:
            write_stdout(_report(format, reports))
        return FINDINGS if (failing or (diff and changed)) and not exit_zero else 0

    if watching:
        from sftc.cli.rerun import rerun

        rerun(check, paths)
    sys.exit(check())


def _check_flags(*, fixing: bool, diff: bool, unsafe_fixes: bool, watching: bool) -> None:
    if unsafe_fixes and not (fixing or diff):
        raise click.UsageError("--unsafe-fixes needs --fix or --diff.")
    if watching and (fixing or diff):
        raise click.UsageError("--watch changes nothing: leave out --fix and --diff.")
    of_format = click.get_current_context().get_parameter_source("format")
    if diff and of_format is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--diff prints a patch: leave out --format.")


def _write(changed: Sequence[tuple[Source, Source]]) -> None:
    write_files({after.name: after.text.encode() for _, after in changed})
    if changed:
        from sftc.report.terminal import printable

        click.echo(f"Fixed {', '.join(printable(after.name) for _, after in changed)}.", err=True)


def _by_file(findings: Iterable[tuple[str, Iterable[Finding]]]) -> dict[str, list[Finding]]:
    """Return the findings of configs by file; a finding about a file that several of them extend once."""
    reports: dict[str, dict[object, Finding]] = {}
    names: dict[str, str] = {}
    for config, about in findings:
        for path, found in by_file(config, about).items():
            report = reports.setdefault(names.setdefault(os.path.realpath(path), path), {})
            for each in found:
                key = (each.id, each.message, *each.span[1:])
                if each.fix or key not in report:  # only the file itself has fixes
                    report[key] = each
    return {path: list(report.values()) for path, report in reports.items()}


def _is_safe(found: Finding) -> bool:
    return found.fix is not None and found.fix.safe


def _fixed(
    configs: Iterable[str], check: Callable[[Source], list[Finding]], wanted: "FixFilter"
) -> list[tuple[Source, Source]]:
    """Return each config that the fixes accepted by `wanted` change, before and after."""
    from sftc.tools.fix import fix

    changed = []
    for path in configs:
        try:
            before = read_source(path)
        except ConfigError:
            continue
        after = fix(before, check, wanted)
        if after.text != before.text:
            changed.append((before, after))
    return changed


def _show(changed: Sequence[tuple[Source, Source]], left: Mapping[str, Sequence[Finding]]) -> None:
    """Print the diff to stdout and the remaining findings to stderr."""
    from sftc.report.patch import patch

    write_stdout(patch(changed))
    if any(left.values()):
        click.echo(_report("text", left), err=True, nl=False)


def _report(format: str, reports: Mapping[str, Sequence[Finding]]) -> str:
    if format != "text":
        shown = {path: bounded(found) for path, found in reports.items()}
        rendered: str = import_module(f"sftc.report.{format}").render(shown)
        return rendered
    findings = [found for each in reports.values() for found in each]
    where = f"in {len(reports)} file{'s' if len(reports) > 1 else ''}"
    if not findings:
        return f"no findings {where}\n"
    from sftc.report.terminal import render, summary

    safe = sum(map(_is_safe, findings))
    unsafe = sum(found.fix is not None for found in findings) - safe
    ways = {"--fix": safe, "--fix --unsafe-fixes": unsafe}
    fixes = [f"{number} with {flags}" for flags, number in ways.items() if number]
    fixable = f"; sftc can fix {' and '.join(fixes)}" if fixes else ""
    text = f"{''.join(map(render, reports.values()))}{summary(findings)} {where}{fixable}\n"
    return text if is_colored(sys.stdout) else click.unstyle(text)
