"""Rewriting a config for the newest version of the contract."""

from sftc.checks.migration import Migration, migration
from sftc.contract.versions import Contracts
from sftc.findings.finding import ConfigError
from sftc.pipeline import examine
from sftc.text.source import Source


def migrate(source: Source, contracts: Contracts) -> Migration:
    """Return `source` rewritten for the newest version of the contract, comments and layout kept.

    A config that would have errors that it does not have now stays as it is; they are its problems.

    Raises:
        ConfigError: `source` is not TOML, or names a version that is not known.
    """
    findings, config = examine(lambda: source, contracts=contracts)
    if not config:
        raise ConfigError(findings)
    migrated = migration(source, config.contract.version, contracts)
    known = {(found.id, found.path) for found in findings}
    after = examine(lambda: migrated.source, contracts=contracts).findings
    if wrong := [found for found in after if found.is_error and (found.id, found.path) not in known]:
        return Migration(source, (), tuple(wrong))
    return migrated
