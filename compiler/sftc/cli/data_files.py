"""Prepare data files for the upload: check, sample and decompress them."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from sftc.cli.dataset_options import cores
from sftc.cli.exits import FINDINGS
from sftc.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from sftc.dataset.check_files import Checked
    from sftc.submission.upload import DataFile


def prepare_files(
    paths: Sequence[str], examples: int | None, tokens: int | None, stack: ExitStack
) -> "list[DataFile]":
    """Check the files at `paths` and return them, sampled and decompressed, ready for the upload.

    Prints the findings. Exits if there are errors.

    Args:
        paths: the training file and, if there is one, the validation file.
        examples: the number of rows to keep of each file; `None` keeps all.
        tokens: the longest sequence of the config, in tokens, if it is known.
        stack: removes the temporary copies when it is closed.

    Raises:
        click.UsageError: a path is not a file.
    """
    from sftc.dataset.check_files import CheckOptions, check_files
    from sftc.report.terminal import render, summary

    for path in paths:
        if os.path.exists(path) and not os.path.isfile(path):
            raise click.UsageError(f"{path} is not a file.")
    with ProgressBar() as progress:
        results = check_files(
            paths, CheckOptions(examples=examples, tokens=tokens, jobs=cores()), on_read=progress.step
        )
    findings = [found for result in results for found in result.findings]
    if findings:
        click.echo(f"{render(findings)}{summary(findings)}", err=True)
    if not all(result.ok for result in results):
        click.echo("sftc: nothing was sent", err=True)
        sys.exit(FINDINGS)
    return [_file(result, examples, stack) for result in results]


def _file(result: "Checked", examples: int | None, stack: ExitStack) -> "DataFile":
    from sftc.dataset.sample import head
    from sftc.dataset.streams import ARCHIVES
    from sftc.submission.upload import DataFile

    path, name = result.path, os.path.basename(result.path)
    if examples is not None or path.endswith(ARCHIVES):
        name = name.removesuffix(".gz").removesuffix(".zst")
        path = os.path.join(stack.enter_context(TemporaryDirectory(prefix="sftc-")), name)
        with open(path, "wb") as copy:
            copy.writelines(head(result.path, examples))
    return DataFile(path, name, result.digest, result.length, result.rows, result.path)
