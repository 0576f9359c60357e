"""Rewriting a config for the newest version of the contract."""

from typing import NamedTuple

from sftc.checks.migration import MigrationNote, migration
from sftc.contract.versions import Contracts
from sftc.findings.finding import ConfigError, Finding
from sftc.pipeline import examine
from sftc.text.source import Source


class Migrated(NamedTuple):
    """A migrated config and its changes, and what is left to the person.

    `problems` kept the text as it was; `left` are findings that the migrated text has anew.
    """

    source: Source
    changes: tuple[MigrationNote, ...]
    problems: tuple[Finding, ...]
    left: tuple[Finding, ...]


def migrate(source: Source, contracts: Contracts) -> Migrated:
    """Return `source` rewritten for the newest version of the contract, comments and layout kept.

    A config that would have errors that it does not have now stays as it is; they are its problems.

    Raises:
        ConfigError: `source` is not TOML, or names a version that is not known.
    """
    findings, config = examine(lambda: source, contracts=contracts)
    if not config:
        raise ConfigError(findings)
    result = migration(source, config.contract.version, contracts)
    if result.problems:
        return Migrated(source, (), result.problems, ())
    known = {(found.id, found.path) for found in findings}
    after = examine(lambda: result.source, contracts=contracts).findings
    new = [found for found in after if (found.id, result.written(found.path)) not in known]
    if wrong := [found for found in new if found.is_error]:
        document = config.document
        own = [(found, result.written(found.path)) for found in wrong]
        problems = [each._replace(span=document.span(path), path=path, fix=None) for each, path in own]
        return Migrated(source, (), tuple(problems), ())
    return Migrated(result.source, result.changes, (), tuple(new))
