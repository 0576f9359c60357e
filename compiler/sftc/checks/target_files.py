"""The files of a target held against the schemas of targets, and against the language that they are about."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from sftc.checks.service_slots import slot_faults
from sftc.contract.targets import RUN, Target
from sftc.contract.versions import Contracts
from sftc.document.toml import Document, parse
from sftc.findings.finding import ConfigError, Finding, in_order
from sftc.findings.stage_rules.other_trainers import BAD_TARGET
from sftc.text.keys import Path, dotted
from sftc.text.source import Source
from sftc.text.suggest import near

TARGET: Final = "target.toml"
TABLE: Final = "mapping.toml"

_Check = Callable[[Document, Contracts], Iterator[Finding]]

_KEYS: Final = {"rule": ("from", "key"), "cannot": ("from",), "unsent": ("from",), "need": ("from", "key")}
"""The entries of rows that name a key."""


def check_target(
    target: Target, contracts: Contracts, facts: Source, table: Source, service: Source | None = None
) -> list[Finding]:
    """Return the findings about the files of a target of a person's own.

    These are `target.toml`, `mapping.toml`, and `service.toml` if there is one.
    """
    findings: list[Finding] = []
    checks: list[tuple[Source | None, str, _Check]] = [
        (facts, "target.schema.json", _nothing),
        (table, "mapping.schema.json", _unknown_keys),
        (service, "service.schema.json", _slots),
    ]
    for source, schema, check in checks:
        if source is None:
            continue
        try:
            document = parse(source)
        except ConfigError as error:
            findings += error.findings
            continue
        found = list(_faults(document, contracts, schema)) or list(check(document, contracts))
        findings += in_order(found)
    return findings or list(_schemas(target, facts))


def _nothing(document: Document, contracts: Contracts) -> Iterator[Finding]:
    yield from ()


def _slots(document: Document, contracts: Contracts) -> Iterator[Finding]:
    for path, message in slot_faults(document.values):
        yield _bad(document, path, message)


def _faults(document: Document, contracts: Contracts, schema: str) -> Iterator[Finding]:
    from jsonschema import Draft7Validator
    from jsonschema.exceptions import best_match

    validator = Draft7Validator(contracts.schemas.file(schema))
    for error in validator.iter_errors(document.values):
        worst = best_match([error]) or error
        path: Path = tuple(worst.absolute_path)
        where = f"`{dotted(path)}`" if path else "the file"
        yield _bad(document, path, f"{where} does not fit the schema of targets: {worst.message}")


def _unknown_keys(document: Document, contracts: Contracts) -> Iterator[Finding]:
    newest = contracts.newest
    known = {dotted(path) for path in newest.properties}
    known |= {dotted((RUN, *row.to)) for row in newest.run_table.rows}
    for path, key in _named(document.values):
        if key not in known:
            meant = near(key, known)
            help = f"did you mean `{meant}`?" if meant else "`sftc targets` shows the keys of the language"
            yield _bad(document, path, f"`{key}` is not a key of the language", help)


def _named(values: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    for table, names in _KEYS.items():
        for index, row in enumerate(values.get(table, ())):
            yield from (((table, index, name), row[name]) for name in names if name in row)
            for name in ("of", "by"):
                factors = enumerate(row.get(name, ()))
                yield from (((table, index, name, at), each) for at, each in factors if isinstance(each, str))
            for name in ("when", "unless"):
                conditions = enumerate(row.get(name, ()))
                yield from (((table, index, name, at, "key"), each["key"]) for at, each in conditions)


def _schemas(target: Target, facts: Source) -> Iterator[Finding]:
    """Yield a finding for each schema that cannot be read: that of the payload must be there."""
    try:
        target.schemas.file(target.payload_schema)
    except (OSError, ValueError) as error:
        yield BAD_TARGET.finding(facts.span(0, 0), f"its payload.schema.json cannot be read: {error}")
    try:
        target.row_schema  # noqa: B018  it is read
    except (OSError, ValueError) as error:
        yield BAD_TARGET.finding(facts.span(0, 0), f"its row.schema.json cannot be read: {error}")


def _bad(document: Document, path: Path, message: str, help: str | None = None) -> Finding:
    return BAD_TARGET.finding(document.span(path), message, path=path, help=help)
