"""A config and its training files together: what neither says alone."""

from collections.abc import Sequence
from typing import NamedTuple

from sftc.checks.rules.run import RowCount, check_run
from sftc.contract.versions import Contract
from sftc.dataset.check_files import Checked
from sftc.document.reading import read_source
from sftc.document.toml import Document
from sftc.findings.finding import ConfigError, Finding, in_order
from sftc.pipeline import examine


class Setup(NamedTuple):
    """A config that can be read, at `path`."""

    path: str
    document: Document
    contract: Contract

    @property
    def files(self) -> list[str]:
        """The training and the validation file that the config names."""
        value = self.document.value
        named = value("job.data", str) or value("job.data_path", str), value("data.validation_path", str)
        return [path for path in named if path]

    @property
    def sequence_length(self) -> int | None:
        """The tokens of a sequence, where the config says."""
        length = self.document.value("hyperparameters.sequence_length", int)
        return length if length and length > 0 else None

    def findings(self, results: Sequence[Checked]) -> list[Finding]:
        """Return what the config says together with its files; the first one is trained on."""
        training = results[0]
        rows = RowCount(training.rows) if training.is_whole else None
        return in_order(check_run(self.document, self.contract, rows))


def load_setup(path: str) -> Setup:
    """Read the config at `path`, or from standard input for `-`.

    Raises:
        ConfigError: it has errors.
    """
    findings, document, contract = examine(lambda: read_source(path))
    errors = [found for found in findings if found.is_error]
    if errors or not document or not contract:
        raise ConfigError(errors)
    return Setup(path, document, contract)
