"""`sftc dataset convert`: convert files of other formats to JSON Lines of messages."""

import os
import sys
from collections.abc import Sequence

import click

from sftc.cli.dataset_options import expand_data_files
from sftc.cli.exits import FINDINGS
from sftc.cli.output import is_colored, write_files
from sftc.dataset.convert.convert_options import CONTAINERS, ConvertOptions
from sftc.dataset.convert.row_formats import FORMATS, TARGETS
from sftc.text.plural import counted
from sftc.text.source import STDIN

_AUTO = "auto"


def _mapped(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    made: dict[str, str] = {}
    for value in values:
        name, _, target = value.rpartition("=")
        if not name or target not in TARGETS:
            raise click.BadParameter(
                f"{value} must be FIELD=ROLE, with one of {', '.join(TARGETS)} as ROLE.", ctx, param
            )
        if made.setdefault(name, target) != target:
            raise click.BadParameter(f"{name} is mapped twice.", ctx, param)
    return made


@click.command("convert")
@click.argument("files", nargs=-1, metavar="IN...", required=True)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    required=True,
    help="File to write: `.jsonl`, `.jsonl.gz` or `.jsonl.zst`.",
)
@click.option(
    "formats",
    "--from",
    type=click.Choice([_AUTO, *(each.name for each in FORMATS), *CONTAINERS]),
    multiple=True,
    help="Format of the rows, or of the file. Repeat it to give both. [default: auto]",
)
@click.option(
    "--map",
    "mapped",
    multiple=True,
    callback=_mapped,
    metavar="FIELD=ROLE",
    help=f"What a column, or a name of a role, becomes: {', '.join(TARGETS)}. Repeatable.",
)
@click.option("--system", metavar="TEXT", help="System message of the rows that have none.")
@click.option("--skip-bad", is_flag=True, help="Leave out and count rows that cannot be converted.")
@click.option(
    "--report", metavar="FILE", help="Write a report as JSON: rows, formats, fields that were left out."
)
def convert_command(
    files: Sequence[str],
    output: str,
    formats: Sequence[str],
    mapped: dict[str, str],
    system: str | None,
    skip_bad: bool,
    report: str | None,
) -> None:
    """Convert training files of other formats to JSON Lines of messages.

    IN is a file, a folder of Hugging Face datasets, a glob, or `-` for stdin: JSON in any layout, CSV,
    Parquet or Arrow, plain or compressed, in UTF-8, UTF-16 or UTF-32. Rows keep their order. If a row
    cannot be converted, nothing is written and the exit code is 1.
    """
    from sftc.dataset.convert.convert_files import Conversion, NotConvertedError
    from sftc.dataset.convert.unpack import packed
    from sftc.report.terminal import printable, render

    named = [each for each in dict.fromkeys(formats) if each != _AUTO]
    containers = [each for each in named if each in CONTAINERS]
    rows = [each for each in named if each not in CONTAINERS]
    if len(containers) > 1 or len(rows) > 1:
        raise click.UsageError(f"--from cannot be {' and '.join(named)} at once.")
    paths = expand_data_files(files)
    written = [path for path in (output, report) if path]
    if STDIN in written:
        raise click.UsageError("name a file to write.")
    if {*map(os.path.realpath, written)} & {*map(os.path.realpath, paths)} or (
        report and os.path.realpath(report) == os.path.realpath(output)
    ):
        raise click.UsageError("a file would be overwritten by another.")
    wanted = ConvertOptions(next(iter(containers), None), next(iter(rows), None), mapped, system, skip_bad)
    conversion = Conversion(paths, output, wanted, given=files)
    contents = {output: packed(conversion.pieces(), output)}
    try:
        write_files({**contents, **({report: conversion.report()} if report else {})})
    except NotConvertedError:
        click.echo(f"{_plain(render(conversion.findings))}sftc: nothing was written", err=True)
        sys.exit(FINDINGS)
    read, made, skipped = conversion.counts
    left = f", {counted(skipped, 'row')} skipped" if skipped else ""
    counts = f"{counted(read, 'row')} read, {counted(made, 'row')} written{left}"
    click.echo(f"{_plain(render(conversion.findings))}{printable(output)}: {counts}", err=True)


def _plain(text: str) -> str:
    return text if is_colored(sys.stderr) else click.unstyle(text)
