"""The files of a target held against the schemas of targets, and against the language that they are about."""

from collections.abc import Iterator
from typing import Any, Final

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

_KEYS: Final = {"rule": ("from", "key"), "cannot": ("from",), "unsent": ("from",), "need": ("from", "key")}
"""The entries of rows that name a key."""


def check_target(target: Target, contracts: Contracts, facts: Source, table: Source) -> list[Finding]:
    """Return the findings about the files of a target of a person's own: `target.toml` and `mapping.toml`."""
    findings: list[Finding] = []
    for source, schema in ((facts, "target.schema.json"), (table, "mapping.schema.json")):
        try:
            document = parse(source)
        except ConfigError as error:
            findings += error.findings
            continue
        found = list(_faults(document, contracts, schema))
        if source is table and not found:
            found += _unknown_keys(document, contracts)
        findings += in_order(found)
    return findings or list(_payload_schema(target, facts))


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


def _payload_schema(target: Target, facts: Source) -> Iterator[Finding]:
    """Yield a finding if the payload's schema is not there, or is not JSON."""
    try:
        target.schemas.file(target.payload_schema)
    except (OSError, ValueError) as error:
        yield BAD_TARGET.finding(facts.span(0, 0), f"its payload.schema.json cannot be read: {error}")


def _bad(document: Document, path: Path, message: str, help: str | None = None) -> Finding:
    return BAD_TARGET.finding(document.span(path), message, path=path, help=help)
