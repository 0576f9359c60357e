"""A config and its training files together: findings that neither raises alone."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from sftc.checks.config import Config
from sftc.checks.rules import run
from sftc.checks.rules.data import training_files, validation_file
from sftc.checks.rules.model import MODEL
from sftc.checks.suppressions import not_suppressed
from sftc.dataset.check_files import Checked
from sftc.document.reading import read_source
from sftc.findings.finding import ConfigError, Finding, in_order
from sftc.pipeline import examine


class Setup(NamedTuple):
    """A config without errors, and its path."""

    path: str
    config: Config

    @property
    def files(self) -> list[str]:
        """The training files and the validation file that the config names.

        A validation file that does not exist is left out: `findings` has it, on the line that names it.
        """
        return [*training_files(self.config), *([self._validation] if self._validation else [])]

    @property
    def _validation(self) -> str | None:
        named = validation_file(self.config)
        return named if named and os.path.exists(named) else None

    @property
    def sequence_length(self) -> int | None:
        """The tokens of a sequence, if the config sets them."""
        return run.sequence_length(self.config)

    @property
    def model(self) -> str | None:
        """The base model that the config names."""
        return self.config.given(MODEL)

    @property
    def train_on(self) -> str:
        """The answers to train on."""
        return self.config.effective(run.TRAIN_ON) or "assistant"

    def findings(self, results: Sequence[Checked]) -> list[Finding]:
        """Return the findings about the config with its files.

        The files that it names as training files are trained on; if it names none of `results`, the
        first is.
        """
        named = training_files(self.config)
        training = [result for result in results if result.path in named] or results[:1]
        is_whole = all(result.is_whole for result in training)
        rows = sum(result.rows for result in training) if is_whole else None
        found = run.check_run(self.config, rows, has_validation=self._validation is not None)
        return in_order(not_suppressed(self.config.document, found))


def load_setup(path: str) -> Setup:
    """Read the config at `path`, or standard input for `-`.

    Raises:
        ConfigError: it has errors.
    """
    findings, config = examine(lambda: read_source(path))
    errors = [found for found in findings if found.is_error]
    if errors or config is None:
        raise ConfigError(errors)
    return Setup(path, config)
