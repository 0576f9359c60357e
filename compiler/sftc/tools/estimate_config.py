"""The estimate of a config as a rule of lint: its findings, if all that it needs is at hand."""

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from sftc.checks.config import Config
from sftc.checks.inexpressible import contradictions
from sftc.checks.rules.data import GPU_TYPE
from sftc.checks.rules.model import MODEL
from sftc.document.edits import apply_fixes, put
from sftc.document.toml import Document, parse
from sftc.estimate.base_numbers import BaseNumbers, known_numbers, numbers_in
from sftc.estimate.devices import find_device
from sftc.estimate.estimate_run import estimate_run
from sftc.estimate.fit_run import Remedy
from sftc.estimate.judge_run import judge_run
from sftc.estimate.row_lengths import RowLengths
from sftc.estimate.shapes import UnknownShapeError
from sftc.findings.finding import Finding
from sftc.text.source import Source
from sftc.tools.model_files import find_model


def find_base(name: str) -> BaseNumbers | None:
    """Return the numbers of the base model called `name`: a folder, a `config.json`, or an id.

    Its files on this machine count more than the table of models. `None` if neither has it.

    Raises:
        ValueError: a file of the model is not what it should be; the message names it.
        OSError: a file cannot be read.
    """
    place = name if name.endswith(".json") and os.path.isfile(name) else find_model(name)
    return numbers_in(place) if place else known_numbers(name)


def changed_source(document: Document, changes: Iterable[Remedy]) -> Source | None:
    """Return the text of a config with `changes`; `None` if a change has to be written by hand."""
    for change in changes:
        if not (fix := put(document, change.path, change.written)):
            return None
        document = parse(apply_fixes(document.source, [fix]))
    return document.source


class Estimated(NamedTuple):
    """The findings about a run and its device, and whether it cannot fit it, whatever its rows are."""

    findings: tuple[Finding, ...]
    certainly_fails: bool


def estimate_config(
    config: Config, folder: str | None = None, lengths: RowLengths | None = None
) -> Estimated:
    """Return the findings about the run of a config without errors and its device.

    Nothing is found if the model or the device is not known, or the batch is a contradiction.

    Args:
        config: the config.
        folder: the folder of its base model; by default, the model is looked for.
        lengths: the tokens of the rows to train on, if they are known.
    """
    name, word = folder or config.given(MODEL), config.given(GPU_TYPE)
    device = find_device(word) if word else None
    if name and device and not any(contradictions(config)):
        with suppress(OSError, ValueError, UnknownShapeError):
            if base := find_base(name):
                run = estimate_run(config, base, device, lengths)
                return Estimated(tuple(judge_run(config, run, base, lengths)), run.certainly_fails)
    return Estimated((), certainly_fails=False)
