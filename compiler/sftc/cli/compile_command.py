"""`sftc compile`: compile configs to payloads."""

import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import click

from sftc.cli.exits import FINDINGS
from sftc.cli.options import set_option
from sftc.cli.output import write_files, write_stdout
from sftc.document.overrides import Override
from sftc.document.reading import read_source
from sftc.findings.finding import ConfigError, Finding, Severity
from sftc.payload.encoding import FORMATS, Format
from sftc.pipeline import run
from sftc.text.source import STDIN


@click.command("compile")
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...")
@set_option
@click.option(
    "--format",
    type=click.Choice(list(FORMATS)),
    default="pretty",
    show_default=True,
    help="Format of the payload; `jcs` is RFC 8785.",
)
@click.option("--digest", is_flag=True, help="Also print the SHA-256 digest of the payload to stderr.")
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("-o", "--output", metavar="FILE", help="Write the payload to this file instead of stdout.")
@click.option(
    "--output-dir",
    metavar="FOLDER",
    help="Write NAME.json for each NAME.toml into this folder: all of them or none.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Color findings; `auto` does so on a terminal unless NO_COLOR is set.",
)
def compile_command(
    configs: Sequence[str],
    overrides: Sequence[Override],
    format: Format,
    digest: bool,
    strict: bool,
    output: str | None,
    output_dir: str | None,
    color: str,
) -> None:
    """Check each CONFIG and write its payload to stdout.

    CONFIG is a TOML file, or `-` for stdin. Findings go to stderr. After an error nothing is written.
    """
    targets = _targets(configs, output, output_dir)
    results = [_compile(config, overrides, format, digest, strict) for config in configs]
    stopped = any(result.data is None for result in results)
    colored = {"always": True, "never": False}.get(color, False if os.environ.get("NO_COLOR") else None)
    report = partial(_report, strict=strict, color=colored)
    # Notes are advice. Only `sftc lint` prints them.
    findings = [
        found for result in results for found in result.findings if found.severity is not Severity.NOTE
    ]
    report(findings, stopped=stopped)
    if stopped:
        sys.exit(FINDINGS)
    payloads = [result.data or b"" for result in results]
    try:
        if targets:
            write_files(dict(zip(targets, payloads, strict=True)))
        else:
            write_stdout(payloads[0])
    except ConfigError as error:
        report(error.findings, stopped=True)
        sys.exit(FINDINGS)
    if digest:
        for config, result in zip(configs, results, strict=True):
            from sftc.report.terminal import printable

            click.echo(f"{result.digest}  {printable(config)}", err=True)


class _Result(NamedTuple):
    findings: Sequence[Finding]
    data: bytes | None
    digest: str | None


def _targets(configs: Sequence[str], output: str | None, output_dir: str | None) -> list[str]:
    """Return the output file of each config's payload, or an empty list for stdout.

    Raises:
        click.UsageError: the options conflict, or a payload would overwrite a file that it must not.
    """
    if output is not None and output_dir is not None:
        raise click.UsageError("pass --output or --output-dir, not both.")
    if "" in {output, output_dir}:
        raise click.UsageError("the name of the output is empty.")
    if output_dir is not None:
        targets = [os.path.join(output_dir, f"{_stem(each)}.json") for each in configs]
    elif len(configs) > 1:
        raise click.UsageError("several configs need --output-dir.")
    else:
        targets = [] if output in {None, STDIN} else [str(output)]
    real = [os.path.realpath(each) for each in targets]
    if len(set(real)) < len(real):
        raise click.UsageError("two payloads would be written to the same file.")
    if overwritten := set(real) & {os.path.realpath(each) for each in configs if each != STDIN}:
        raise click.UsageError(f"{overwritten.pop()} is a config, and would be overwritten by a payload.")
    return targets


def _stem(config: str) -> str:
    return "stdin" if config == STDIN else os.path.splitext(os.path.basename(config))[0]


def _compile(
    config: str, overrides: Sequence[Override], format: Format, digest: bool, strict: bool
) -> _Result:
    compiled = run(partial(read_source, config), overrides)
    if strict and any(found.severity is Severity.WARNING for found in compiled.findings):
        return _Result(compiled.findings, None, None)
    try:
        return _Result(compiled.findings, compiled.to_bytes(format), compiled.digest if digest else None)
    except ConfigError as error:
        return _Result(error.findings, None, None)


def _report(findings: Sequence[Finding], *, stopped: bool, strict: bool, color: bool | None) -> None:
    if not findings:
        return
    from sftc.report.terminal import render, summary

    only_strict = strict and not any(found.is_error for found in findings)
    end = f"; no payload{', because of --strict' if only_strict else ''}" if stopped else ""
    click.echo(f"{render(findings)}{summary(findings)}{end}", err=True, color=color)
