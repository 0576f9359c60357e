"""`sftc sweep`: write variants of a config, each with other values of some keys."""

import os
import sys
from collections.abc import Sequence
from itertools import permutations
from math import prod
from typing import TYPE_CHECKING

import click

from sftc.cli.exits import FINDINGS
from sftc.cli.options import table_option
from sftc.cli.output import write_files, write_stdout
from sftc.document.reading import read_source
from sftc.text.keys import dotted
from sftc.text.source import STDIN

if TYPE_CHECKING:
    from sftc.findings.finding import Finding
    from sftc.tools.sweep import KeyValues, Variant


def _values(ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> "list[KeyValues]":
    from sftc.tools.sweep import read_values

    try:
        return [read_values(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from error


@click.command("sweep", short_help="Write variants of a config with other values.")
@click.argument("config", metavar="CONFIG")
@click.option(
    "--set",
    "values",
    multiple=True,
    required=True,
    callback=_values,
    metavar="KEY=VALUE,...",
    help="A key and the values that it takes. Repeatable.",
)
@click.option(
    "--pairs", is_flag=True, help="First values together, then second ones, instead of each with each."
)
@click.option("--output-dir", "folder", required=True, metavar="DIR", help="Folder for the variants.")
@table_option
def sweep_command(config: str, values: "Sequence[KeyValues]", pairs: bool, folder: str, format: str) -> None:
    """Write variants of CONFIG to DIR, and print what differs; comments and layout are kept.

    Every variant is checked before the first is written: if one has errors, or two mean the same run, nothing
    is written.
    """
    from sftc.findings.finding import Severity
    from sftc.report.tables import variants_json, variants_table
    from sftc.report.terminal import render, summary
    from sftc.tools.lint import lint
    from sftc.tools.sweep import same_run, sweep

    _check_sweep(config, values, folder, pairs=pairs)
    try:
        variants = [*sweep(read_source(config), values, folder, pairs=pairs)]
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    taken = [each.source.name for each in variants if os.path.exists(each.source.name)]
    if taken:
        raise click.UsageError(f"{taken[0]} exists; nothing was written.")
    found_once: dict[object, Finding] = {}
    for each in variants:
        for found in lint(each.source):
            found_once.setdefault((found.id, found.message, found.help), found)
    findings = [*found_once.values()]
    shown = [found for found in findings if found.severity is not Severity.NOTE]
    if shown:
        click.echo(f"{render(shown)}{summary(shown)}", err=True)
    if any(found.is_error for found in findings):
        click.echo("sftc: nothing was written", err=True)
        sys.exit(FINDINGS)
    if same := same_run(variants):
        raise click.ClickException(_no_difference(values, *same))
    write_files({each.source.name: each.source.text.encode() for each in variants})
    write_stdout((variants_json if format == "json" else variants_table)(values, variants))


def _no_difference(values: "Sequence[KeyValues]", one: "Variant", other: "Variant") -> str:
    """Return why two variants of a sweep are not written."""
    different = zip(values, one.values, other.values, strict=True)
    keys = ", ".join(f"`{dotted(each.path)}`" for each, value, others in different if value != others)
    names = f"{one.source.name} and {other.source.name}"
    return f"{keys} makes no difference: {names} would be the same run; nothing was written."


def _check_sweep(config: str, values: "Sequence[KeyValues]", folder: str, *, pairs: bool) -> None:
    from sftc.tools.sweep import MOST

    if not folder:
        raise click.UsageError("the name of the output is empty.")
    if config == STDIN:
        raise click.UsageError("stdin has no name: a sweep needs the path of a config.")
    numbers = [len(each.written) for each in values]
    paths = [each.path for each in values]
    if len({*paths}) < len(paths):
        raise click.UsageError("--set names a key twice: write all of its values in one.")
    for outer, inner in permutations(paths, 2):
        if inner[: len(outer)] == outer:
            raise click.UsageError(f"`{dotted(inner)}` is in `{dotted(outer)}`: set one of them.")
    if pairs and len({*numbers}) > 1:
        counted = ", ".join(f"`{dotted(each.path)}` has {len(each.written)}" for each in values)
        raise click.UsageError(f"--pairs needs as many values of each key: {counted}.")
    if (number := numbers[0] if pairs else prod(numbers)) > MOST:
        raise click.UsageError(f"these are {number:,} variants; a sweep makes at most {MOST:,}.")
