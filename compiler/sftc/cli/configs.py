"""Find the configs that command-line arguments refer to, and compile them."""

import os
from collections.abc import Iterable, Sequence

import click

from sftc.contract.targets import Target
from sftc.document.overrides import Override
from sftc.document.reading import decode_source, read_source
from sftc.findings.finding import Finding, Severity
from sftc.pipeline import Compiled, run
from sftc.text.source import STDIN, Source
from sftc.tools.lint import files


def expand_configs(paths: Sequence[str], *, to_change: bool) -> list[str]:
    """Return the config files at `paths`. A folder is replaced by the configs in it.

    Args:
        paths: files, folders, or `-` for stdin.
        to_change: whether the command writes the configs back, which stdin and pipes do not allow.

    Raises:
        click.UsageError: there are no configs, or `to_change` is set and one of them is stdin or a pipe.
    """
    configs = files(paths)
    if not configs:
        raise click.UsageError(f"no configs in {', '.join(paths)}.")
    if to_change and STDIN in configs:
        raise click.UsageError("stdin has no file that could be changed.")
    for path in configs:
        if to_change and os.path.exists(path) and not (os.path.isfile(path) or os.path.isdir(path)):
            raise click.UsageError(f"{path} is not a file that could be changed.")
    return configs


def load_compiled(path: str, overrides: Iterable[Override] = (), target: Target | None = None) -> Compiled:
    """Return the compiled config at `path`.

    Args:
        path: a file, or `REV:PATH` for a file at a git revision.
        overrides: the values from `--set`.
        target: what to compile to, if it is not the payload of the training service.

    Raises:
        click.ClickException: the config has errors, which are printed to stderr.
        click.UsageError: git cannot find the revision or the file.
    """
    in_git = ":" in path and not os.path.exists(path)
    compiled = run(lambda: _from_git(path) if in_git else read_source(path), overrides, target=target)
    if not compiled.ok:
        from sftc.report.terminal import render, summary

        errors = [found for found in compiled.findings if found.is_error]
        click.echo(f"{render(errors)}{summary(errors)}", err=True)
        raise click.ClickException(f"{path} does not compile.")
    return compiled


def show_warnings(findings: Iterable[Finding]) -> None:
    """Show the warnings among `findings` on stderr: what a config has that is not part of the run."""
    from sftc.report.terminal import render, summary

    if found := [each for each in findings if each.severity is Severity.WARNING]:
        click.echo(f"{render(found)}{summary(found)}", err=True)


def _from_git(name: str) -> Source:
    import subprocess

    command = ["git", "cat-file", "--end-of-options", "blob", name]  # takes one object, and no range
    try:
        show = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  no shell; `name` is not an option
    except OSError as error:
        raise click.UsageError(f"git cannot be run: {error}") from error
    if show.returncode:
        raise click.UsageError(show.stderr.decode(errors="replace").strip())
    source = decode_source(name, show.stdout)
    revision, _, path = name.partition(":")
    folder = os.path.dirname(path)
    source.beside = lambda base: _from_git(f"{revision}:{os.path.normpath(os.path.join(folder, base))}")
    return source
