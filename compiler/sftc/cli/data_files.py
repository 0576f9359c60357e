"""Prepare data files for the upload: check, sample and decompress them."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import click

from sftc.cli.dataset_options import cores
from sftc.cli.exits import FINDINGS
from sftc.cli.preflight_checks import check_sizes
from sftc.cli.progress_bar import ProgressBar
from sftc.private import temporary_folder

if TYPE_CHECKING:
    from sftc.cli.connection import ServiceOptions
    from sftc.dataset.check_files import Checked, SecondLook
    from sftc.submission.upload import DataFile


class Prepared(NamedTuple):
    """The checked files of a job, ready to be sent."""

    training: "DataFile"
    validation: "DataFile | None"


class DataOptions(NamedTuple):
    """How files are checked and prepared.

    Attributes:
        examples: the number of rows to keep of each file; `None` keeps all.
        tokens: the longest sequence of the config, in tokens, if it is known.
        service: the service, whose limits for files and rows are checked; `None` checks none.
    """

    examples: int | None = None
    tokens: int | None = None
    service: "ServiceOptions | None" = None


def prepare_files(
    training: Sequence[str],
    validation: str | None,
    stack: ExitStack,
    options: DataOptions,
) -> Prepared:
    """Return the checked files at the paths, several training files as one, in order.

    Prints the findings. Exits if there are errors.

    Args:
        training: the training files, in order.
        validation: the validation file, if there is one.
        stack: removes the temporary copies when it is closed.
        options: how the files are checked.

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
        check = CheckOptions(
            examples=options.examples, tokens=options.tokens, jobs=cores(), second=_row_form(options.service)
        )
        results = check_files(paths, check, on_read=progress.step)
    findings = [found for result in results for found in result.findings]
    if findings:
        click.echo(f"{render(findings)}{summary(findings)}", err=True)
    if not all(result.ok for result in results):
        click.echo("sftc: nothing was sent", err=True)
        sys.exit(FINDINGS)
    files = [_file(result, options.examples, stack) for result in results]
    whole = _joined(files[: len(training)], stack) if len(training) > 1 else files[0]
    prepared = Prepared(whole, files[-1] if validation else None)
    if options.service:
        check_sizes(prepared, options.service.table)
    return prepared


def _row_form(service: "ServiceOptions | None") -> "SecondLook | None":
    """Return the check whether a service takes the rows of a file, if it has a form of its own."""
    target = service and service.target
    if not target or target.row_schema is None:
        return None
    from sftc.dataset.row_form import RowForm

    return RowForm(target.name, target.row_schema)


def _joined(files: "Sequence[DataFile]", stack: ExitStack) -> "DataFile":
    """Return a temporary file with the rows of all `files`, in order."""
    import hashlib

    from sftc.submission.upload import DataFile

    name = f"{files[0].name.removesuffix('.jsonl')}-and-{len(files) - 1}-more.jsonl"
    path = os.path.join(stack.enter_context(temporary_folder()), "train.jsonl")
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
    return DataFile(path, name, f"sha256:{digest.hexdigest()}", length, rows, given)


def _file(result: "Checked", examples: int | None, stack: ExitStack) -> "DataFile":
    from sftc.dataset.sample import head
    from sftc.dataset.streams import archive_suffix
    from sftc.submission.upload import DataFile

    path, name = result.path, os.path.basename(result.path)
    suffix = archive_suffix(path)
    if examples is not None or suffix:
        name = name[: len(name) - len(suffix or "")]
        path = os.path.join(stack.enter_context(temporary_folder()), name)
        with open(path, "wb") as copy:
            copy.writelines(head(result.path, examples))
    return DataFile(path, name, result.digest, result.length, result.rows, result.path)
