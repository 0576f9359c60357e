"""`sftc compile`: compile configs to payloads."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import click

from sftc.cli.exits import FINDINGS
from sftc.cli.options import set_option, target_option, watch_option
from sftc.cli.output import write_files, write_stdout
from sftc.contract.targets import Target
from sftc.document.overrides import Override
from sftc.document.reading import read_source
from sftc.findings.finding import ConfigError, Finding, Severity
from sftc.payload.encoding import FORMATS, FORMS, Format
from sftc.pipeline import run
from sftc.text.source import STDIN


@click.command("compile")
@click.argument("configs", nargs=-1, required=True, metavar="CONFIG...")
@set_option
@target_option
@click.option(
    "--format",
    type=click.Choice(list(FORMATS)),
    help="Format of the payload: `pretty` by default, or `yaml` if the target is; `jcs` is RFC 8785.",
)
@click.option("--digest", is_flag=True, help="Also print the SHA-256 digest of the payload to stderr.")
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("-o", "--output", metavar="FILE", help="Write the payload to this file instead of stdout.")
@click.option(
    "--output-dir",
    metavar="FOLDER",
    help="Write the files of each NAME.toml, such as NAME.json, into this folder: all of them or none.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Color findings; `auto` does so on a terminal unless NO_COLOR is set.",
)
@watch_option
def compile_command(
    configs: Sequence[str],
    overrides: Sequence[Override],
    target: Target,
    format: Format | None,
    digest: bool,
    strict: bool,
    output: str | None,
    output_dir: str | None,
    color: str,
    watching: bool,
) -> None:
    """Check each CONFIG and write its payload to stdout.

    CONFIG is a TOML file, or `-` for stdin. Findings go to stderr. After an error nothing is written.
    """
    _check_format(target, format)
    places = _places(configs, target, output, output_dir)
    if watching and places is None:
        raise click.UsageError("--watch needs --output or --output-dir.")
    colored = {"always": True, "never": False}.get(color, False if os.environ.get("NO_COLOR") else None)

    def compile_once() -> int:
        """Compile, report and write once; return the exit code."""
        compile_config = partial(_compile, overrides=overrides, target=target, format=format, digest=digest)
        results = [compile_config(each, strict=strict, only_file=watching) for each in configs]
        return _finish(configs, results, places, partial(_report, strict=strict, color=colored))

    if watching:
        from sftc.cli.rerun import rerun

        rerun(compile_once, configs)
    if code := compile_once():
        sys.exit(code)


class _Result(NamedTuple):
    findings: Sequence[Finding]
    files: Mapping[str, bytes] | None
    digest: str | None


def _finish(
    configs: Sequence[str],
    results: Sequence[_Result],
    places: Sequence[Mapping[str, str]] | None,
    report: Callable[..., None],
) -> int:
    """Report the findings of all results, and write their files if there are no errors."""
    stopped = any(result.files is None for result in results)
    # Notes are advice. Only `sftc lint` prints them.
    findings = [
        found for result in results for found in result.findings if found.severity is not Severity.NOTE
    ]
    report(findings, stopped=stopped)
    if stopped:
        return FINDINGS
    written = [result.files or {} for result in results]
    try:
        if places is None:
            write_stdout(*written[0].values())
        else:
            write_files(
                {
                    place[file]: data
                    for place, files in zip(places, written, strict=True)
                    for file, data in files.items()
                }
            )
    except ConfigError as error:
        report(error.findings, stopped=True)
        return FINDINGS
    for config, result in zip(configs, results, strict=True):
        if result.digest:
            from sftc.report.terminal import printable

            click.echo(f"{result.digest}  {printable(config)}", err=True)
    return 0


def _check_format(target: Target, format: Format | None) -> None:
    forms = {file.form for file in target.facts.files}
    for form in sorted(forms):
        if format and format not in FORMS[form]:
            takes = ", ".join(FORMS[form])
            raise click.UsageError(f"the target {target.name} is written as {form}; --format takes {takes}.")


def _places(
    configs: Sequence[str], target: Target, output: str | None, output_dir: str | None
) -> list[dict[str, str]] | None:
    """Return for each config the path of each file that it may become, by the file's name; `None` for stdout.

    Raises:
        click.UsageError: the options conflict, or a payload would overwrite a file that it must not.
    """
    if output is not None and output_dir is not None:
        raise click.UsageError("pass --output or --output-dir, not both.")
    if "" in {output, output_dir}:
        raise click.UsageError("the name of the output is empty.")
    names = [[file.name.replace("{name}", _stem(each)) for file in target.facts.files] for each in configs]
    if output_dir is not None:
        places = [{name: os.path.join(output_dir, name) for name in each} for each in names]
    elif len(configs) > 1:
        raise click.UsageError("several configs need --output-dir.")
    elif len(names[0]) > 1:
        raise click.UsageError(f"the target {target.name} writes several files, which need --output-dir.")
    elif output in {None, STDIN}:
        return None
    else:
        places = [{names[0][0]: str(output)}]
    real = [os.path.realpath(path) for each in places for path in each.values()]
    if len(set(real)) < len(real):
        raise click.UsageError("two payloads would be written to the same file.")
    if overwritten := set(real) & {os.path.realpath(each) for each in configs if each != STDIN}:
        raise click.UsageError(f"{overwritten.pop()} is a config, and would be overwritten by a payload.")
    return places


def _stem(config: str) -> str:
    return "stdin" if config == STDIN else os.path.splitext(os.path.basename(config))[0]


def _compile(
    config: str,
    overrides: Sequence[Override],
    target: Target,
    format: Format | None,
    digest: bool,
    strict: bool,
    only_file: bool,
) -> _Result:
    compiled = run(partial(read_source, config, only_file=only_file), overrides, target=target)
    if strict and any(found.severity is Severity.WARNING for found in compiled.findings):
        return _Result(compiled.findings, None, None)
    try:
        files = compiled.files(_stem(config), format)
        return _Result(compiled.findings, files, compiled.digest if digest else None)
    except ConfigError as error:
        return _Result(error.findings, None, None)


def _report(findings: Sequence[Finding], *, stopped: bool, strict: bool, color: bool | None) -> None:
    if not findings:
        return
    from sftc.report.terminal import render, summary

    only_strict = strict and not any(found.is_error for found in findings)
    end = f"; no payload{', because of --strict' if only_strict else ''}" if stopped else ""
    click.echo(f"{render(findings)}{summary(findings)}{end}", err=True, color=color)
