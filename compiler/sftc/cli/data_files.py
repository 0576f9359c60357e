"""Prepare data files for the upload: check, sample and decompress them."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import click

from sftc.cli.dataset_options import cores
from sftc.cli.exits import FINDINGS
from sftc.cli.progress_bar import ProgressBar

if TYPE_CHECKING:
    from sftc.dataset.check_files import Checked
    from sftc.submission.upload import DataFile


class Prepared(NamedTuple):
    """The checked files of a job, ready to be sent."""

    training: "DataFile"
    validation: "DataFile | None"


def prepare_files(
    training: Sequence[str],
    validation: str | None,
    stack: ExitStack,
    *,
    examples: int | None = None,
    tokens: int | None = None,
) -> Prepared:
    """Return the checked files at the paths, several training files as one, in order.

    Prints the findings. Exits if there are errors.

    Args:
        training: the training files, in order.
        validation: the validation file, if there is one.
        stack: removes the temporary copies when it is closed.
        examples: the number of rows to keep of each file; `None` keeps all.
        tokens: the longest sequence of the config, in tokens, if it is known.

    Raises:
        click.UsageError: a path is not a file.
    """
    paths = [*training, *([validation] if validation else [])]
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
    files = [_file(result, examples, stack) for result in results]
    whole = _joined(files[: len(training)], stack) if len(training) > 1 else files[0]
    return Prepared(whole, files[-1] if validation else None)


def _joined(files: "Sequence[DataFile]", stack: ExitStack) -> "DataFile":
    """Return a temporary file with the rows of all `files`, in order."""
    import hashlib

    from sftc.submission.upload import DataFile

    path = os.path.join(stack.enter_context(TemporaryDirectory(prefix="sftc-")), "train.jsonl")
    digest, length = hashlib.sha256(), 0
    with open(path, "wb") as copy:
        for file in files:
            line = b""
            with open(file.path, "rb") as part:
                for line in part:
                    length += copy.write(line)
                    digest.update(line)
            if not line.endswith(b"\n"):
                length += copy.write(b"\n")
                digest.update(b"\n")
    given = " + ".join(map(str, files))
    rows = sum(file.rows for file in files)
    return DataFile(path, "train.jsonl", f"sha256:{digest.hexdigest()}", length, rows, given)


def _file(result: "Checked", examples: int | None, stack: ExitStack) -> "DataFile":
    from sftc.dataset.sample import head
    from sftc.dataset.streams import archive_suffix
    from sftc.submission.upload import DataFile

    path, name = result.path, os.path.basename(result.path)
    suffix = archive_suffix(path)
    if examples is not None or suffix:
        name = name[: len(name) - len(suffix or "")]
        path = os.path.join(stack.enter_context(TemporaryDirectory(prefix="sftc-")), name)
        with open(path, "wb") as copy:
            copy.writelines(head(result.path, examples))
    return DataFile(path, name, result.digest, result.length, result.rows, result.path)
