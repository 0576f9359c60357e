"""Moving a config from the version of the contract it was written for to the newest one."""

from sftc.contract import SELECTOR, Contract, Contracts
from sftc.findings import Edit, Fix
from sftc.fixing import apply
from sftc.keys import ABSENT
from sftc.moves import move, rename
from sftc.parsing import parse
from sftc.source import Source


def migrate(source: Source, contracts: Contracts) -> Source:
    """Return `source` as the newest version of the contract wants it, comments and layout kept.

    The renames of each version after that of the config are followed in turn, and its
    `schema_version`, where it has one, is set. A config that names no version is taken to
    be of the first.

    Raises:
        ConfigError: `source` is not TOML.
    """
    number = parse(source).get((SELECTOR,))
    first = number if type(number) is int else contracts.versions[0]
    for version in contracts.versions:
        if version > first:
            source = _to(source, contracts.version(version))
    return source


def _to(source: Source, contract: Contract) -> Source:
    for path, to, _ in contract.rules.renames:
        document = parse(source)
        table = isinstance(document.get(path), dict) and path[:-1] == to[:-1]
        fix = rename(document, path, str(to[-1]), safe=True) if table else move(document, path, to, safe=True)
        if document.get(path) is not ABSENT and fix:
            source = apply(source, [fix])
    document = parse(source)
    if document.get((SELECTOR,)) is not ABSENT:
        edit = Edit(document.span((SELECTOR,)), str(contract.version))
        source = apply(source, [Fix("name the version", (edit,), safe=True)])
    return source
