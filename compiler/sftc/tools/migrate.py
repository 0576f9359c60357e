"""Rewriting a config for the newest version of the contract."""

from sftc.checks.migration import Migration, migration
from sftc.contract.versions import Contracts
from sftc.findings.finding import ConfigError
from sftc.pipeline import examine
from sftc.text.source import Source


def migrate(source: Source, contracts: Contracts) -> Migration:
    """Return `source` rewritten for the newest version of the contract, comments and layout kept.

    Raises:
        ConfigError: `source` is not TOML, or names a version that is not known.
    """
    findings, config = examine(lambda: source, contracts=contracts)
    if not config:
        raise ConfigError(findings)
    return migration(source, config.contract.version, contracts)
