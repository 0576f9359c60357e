"""Rewriting a config for the newest version of the contract."""

from sftc.checks.rules.renamed import RENAMED_KEY
from sftc.contract.versions import SELECTOR, Contract, Contracts
from sftc.document.edits import move
from sftc.document.toml import Document, parse
from sftc.findings.finding import ConfigError, Edit, Finding, Fix, Severity
from sftc.pipeline import examine
from sftc.text.keys import ABSENT, Path, dotted
from sftc.text.source import Source
from sftc.tools.fix import apply_fixes


def migrate(source: Source, contracts: Contracts) -> Source:
    """Return `source` rewritten for the newest version of the contract, comments and layout kept.

    The renames of each version after that of the config apply in turn, and `schema_version`, if
    the config has it, is updated. A config without `schema_version` is of version 1.

    Raises:
        ConfigError: `source` is not TOML, names a version that is not known, or has a key
            whose new place has to be made by hand.
    """
    findings, config = examine(lambda: source, contracts=contracts)
    if not config:
        raise ConfigError(findings)
    number = config.document.get((SELECTOR,))
    first = contracts.versions[0] if number is ABSENT else number
    for version in contracts.versions:
        if version > first:
            source = _to(source, contracts.version(version))
    return source


def _to(source: Source, contract: Contract) -> Source:
    for path, to, _ in contract.mapping.renames:
        document = parse(source)
        if document.get(path) is ABSENT or path in contract.properties:
            continue
        fix = move(document, path, to, safe=True)
        if not fix:
            raise ConfigError([_by_hand(document, path, to)])
        source = apply_fixes(source, [fix])
    document = parse(source)
    if document.get((SELECTOR,)) is not ABSENT:
        edit = Edit(document.span((SELECTOR,)), str(contract.version))
        source = apply_fixes(source, [Fix("name the version", (edit,), safe=True)])
    return source


def _by_hand(document: Document, path: Path, to: Path) -> Finding:
    message = f"`{dotted(path)}` is now called `{dotted(to)}`, and has to be moved by hand"
    found = RENAMED_KEY.finding(document.span(path, "key"), message, path=path)
    return found._replace(severity=Severity.ERROR)
