"""Inlay hints: what a config adds up to, behind the keys that decide it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sftc.checks.config import Config, Setting
from sftc.checks.inexpressible import contradictions
from sftc.checks.resources import ACCUMULATION, PER_DEVICE_BATCH
from sftc.checks.rules.batch import BATCH_SIZE, GLOBAL_BATCH
from sftc.checks.rules.data import DATA, DATA_PATH, GPU_TYPE, training_files
from sftc.checks.rules.model import MODEL
from sftc.checks.rules.run import SEQUENCE_LENGTH
from sftc.dataset.sample import head
from sftc.dataset.streams import UnreadableError
from sftc.editor.open_config import OpenConfig
from sftc.estimate.devices import find_device
from sftc.estimate.estimate_run import estimate_run
from sftc.estimate.packaged_table import GIB
from sftc.estimate.shapes import UnknownShapeError
from sftc.estimate.training_setup import TrainingSetup, training_setup
from sftc.text.plural import counted
from sftc.text.source import Span
from sftc.tools.estimate_config import find_base

_READ_AT_MOST: Final = 32 * 1024 * 1024
"""The bytes of training files whose rows are counted while a person types."""


class InlayHint(NamedTuple):
    """A `text` behind the character before `offset`, and what it was computed from."""

    offset: int
    text: str
    about: str


def inlay_hints(config: OpenConfig) -> Iterator[InlayHint]:
    """Yield the hints of the last text that compiled, on lines that have not changed since."""
    valid = config.valid and config.valid.compiled.config
    if not valid or any(contradictions(valid)):
        return
    setup = training_setup(valid)
    found = [
        _hint(valid, _batch(setup), PER_DEVICE_BATCH, GLOBAL_BATCH, BATCH_SIZE, ACCUMULATION),
        _hint(valid, _steps(valid, setup), DATA, DATA_PATH),
        _hint(valid, _memory(valid), GPU_TYPE, MODEL),
    ]
    for each in found:
        if each and (now := config.moved(each[0])):
            yield InlayHint(now.end, *each[1])


_Texts = tuple[str, str]
"""The text of a hint, and what it was computed from."""


def _hint(config: Config, texts: _Texts | None, *settings: Setting[Any]) -> tuple[Span, _Texts] | None:
    """Return the texts with the place of the first of the settings that the config has."""
    setting = next(filter(config.is_set, settings), None)
    return (config.span(setting), texts) if setting and texts else None


def _batch(setup: TrainingSetup) -> _Texts:
    passes, devices = f"{setup.accumulation:,} (accumulated)", f"{setup.devices:,} (devices)"
    return f"{counted(setup.batch, 'row')} a step", f"{setup.per_device:,} (a device) x {passes} x {devices}"


def _steps(config: Config, setup: TrainingSetup) -> _Texts | None:
    rows = _rows_of(training_files(config))
    if not rows:
        return None
    steps = -(-rows // setup.batch)
    at_most = "at most " if setup.packing else ""
    about = f"{counted(rows, 'row')} in steps of {setup.batch:,}"
    return f"{counted(rows, 'row')}, {at_most}{counted(steps, 'step')} an epoch", about


def _rows_of(paths: list[str]) -> int:
    """Return the rows of all files together; 0 if they are not here, cannot be read, or are large."""
    try:
        found = [os.stat(path) for path in paths]
    except (OSError, ValueError):
        return 0
    if sum(each.st_size for each in found) > _READ_AT_MOST:
        return 0
    with suppress(UnreadableError, OSError, ImportError):
        return sum(
            _rows_in(path, each.st_mtime_ns, each.st_size) for path, each in zip(paths, found, strict=True)
        )
    return 0


@lru_cache(maxsize=64)
def _rows_in(path: str, changed: int, size: int) -> int:
    """Return the rows of the file at `path`; when it was changed and its size are those of this content."""
    return sum(bool(line.strip()) for part in head(path, None) for line in part.split(b"\n"))


def _memory(config: Config) -> _Texts | None:
    word, name = config.given(GPU_TYPE), config.given(MODEL)
    device = find_device(word) if word else None
    with suppress(OSError, ValueError, UnknownShapeError):
        base = find_base(name) if name else None
        if base:
            run = estimate_run(config, base, device)
            low, expected, high = (each / GIB for each in run.together)
            room = f", which has {device.usable / GIB:,.0f}" if device else ""
            length = "" if config.is_set(SEQUENCE_LENGTH) else f" for rows of {run.rows.length:,} tokens"
            text = f"about {expected:,.1f} GiB a device{length}{room}"
            about = [f"between {low:,.1f} and {high:,.1f} GiB: `sftc estimate`", *run.assumptions]
            return text, "\n".join(f"- {each}" for each in about)
    return None
