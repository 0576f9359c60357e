"""Requirements on every schema and every mapping rule of the contract."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from jsonschema import Draft7Validator

from sftc.checks.violations import EXPLANATIONS
from sftc.contract.acceptance import ANNOTATIONS, KEYWORDS
from sftc.contract.versions import PACKAGED, Contract
from sftc.text.keys import dotted

FOLDER = Path(__file__).parents[2] / "schemas" / "sftc_schemas"
SCHEMAS = sorted(FOLDER.rglob("*.schema.json"))
CONTRACTS = [PACKAGED.version(number) for number in PACKAGED.versions]
OPEN = {"hyperparameters.parallelism", "data.topology", "algorithm", "tags"}
PROPERTIES = [
    pytest.param(contract, path, id=f"v{contract.version}-{dotted(path)}")
    for contract in CONTRACTS
    for path in contract.properties
]
of_each_version = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: f"v{each.version}")


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_every_schema_passes_its_own_metaschema(path: Path) -> None:
    schema = json.loads(path.read_bytes())
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)


@of_each_version
def test_every_table_has_a_schema_of_its_own(contract: Contract) -> None:
    tables = {path for path, schema in contract.properties.items() if "properties" in schema}
    assert tables | {("algorithm",)} <= contract.sections.keys()
    for section, file in contract.sections.items():
        schema = json.loads((FOLDER / file).read_bytes())
        assert schema["title"] == f"[{dotted(section)}]"
        assert contract.properties[section] == schema


@pytest.mark.parametrize(("contract", "path"), PROPERTIES)
def test_every_property_is_worth_hovering_over(contract: Contract, path: tuple[str, ...]) -> None:
    schema = contract.properties[path]
    assert schema["title"]
    assert len(schema["description"]) > 30
    if "properties" not in schema:
        assert schema["examples"]
    if schema.get("deprecated"):
        assert schema["x-sftc"]["instead"]


@of_each_version
def test_examples_and_defaults_are_valid(contract: Contract) -> None:
    checked = set()
    for path, schema in contract.properties.items():
        if not schema.get("deprecated"):
            values = [*schema.get("examples", []), *([schema["default"]] if "default" in schema else [])]
            for value in values:
                config: dict[str, Any] = {"schema_version": contract.version, "job": {"model": "m"}}
                table: dict[Any, Any] = config
                for part in path[:-1]:
                    table = table.setdefault(part, {})
                table[path[-1]] = {**value, "model": "m"} if path == ("job",) else value
                assert contract.accepts(config), (dotted(path), value)
                checked.add(path)
    leaves = {path for path, schema in contract.properties.items() if "properties" not in schema}
    assert checked >= {path for path in leaves if not contract.properties[path].get("deprecated")}


@of_each_version
def test_only_the_open_tables_are_open(contract: Contract) -> None:
    tables = {dotted(p): s for p, s in contract.properties.items() if s.get("type") == "object"}
    found = {name for name, schema in tables.items() if schema["additionalProperties"] is not False}
    assert found == OPEN & tables.keys()
    assert contract.schemas.file(contract.config_schema)["additionalProperties"] is False


def test_mapping_rules_are_valid_by_their_schema() -> None:
    schema = json.loads((FOLDER / "mapping.schema.json").read_bytes())
    paths = [*FOLDER.glob("targets/*/v*/mapping.toml")]
    assert len(paths) == len(PACKAGED.versions)
    for path in paths:
        Draft7Validator(schema).validate(tomlkit.parse(path.read_text(encoding="utf-8")).unwrap())


def test_upgrade_tables_match_their_schema() -> None:
    schema = json.loads((FOLDER / "upgrade.schema.json").read_bytes())
    paths = [*FOLDER.glob("config/v*/upgrade.toml")]
    assert len(paths) == len(PACKAGED.versions) - 1
    for path in paths:
        Draft7Validator(schema).validate(tomlkit.parse(path.read_text(encoding="utf-8")).unwrap())


@of_each_version
def test_every_property_is_sent_or_declared_unsent(contract: Contract) -> None:
    read = [row.path for row in contract.mapping.rows if row.path and row.op != "choose"]
    read += [row.path for row in contract.mapping.unsent]
    assert len(set(read)) == len(read)
    assert set(read) <= contract.properties.keys()
    values = [path for path, schema in contract.properties.items() if "properties" not in schema]
    assert [path for path in values if not any(path[:depth] in read for depth in range(1, 9))] == []


@of_each_version
def test_every_payload_pointer_has_exactly_one_source(contract: Contract) -> None:
    targets = [row.to for row in contract.mapping.rows]
    assert len(set(targets)) == len(targets)
    ids = [row.id for row in contract.mapping.rows]
    assert len(set(ids)) == len(ids)
    tables = {row.to for row in contract.mapping.rows if row.op == "verbatim"}
    pointers = set(
        _leaves(contract.schemas.file(contract.target.payload_schema), contract.target.payload_schema, tables)
    )
    bound_at_submission = {("metadata", "effective_config", "data", "validation_files")}
    containers = {("metadata", "effective_config", "compute"), ("metadata", "effective_config", "training")}
    assert set(targets) - containers == pointers - bound_at_submission


def _leaves(
    schema: dict[str, Any], name: str, tables: set[tuple[str, ...]], path: tuple[str, ...] = ()
) -> list[tuple[str, ...]]:
    schema, name = PACKAGED.schemas.resolve(schema, name)
    if "properties" not in schema or path in tables:
        return [path]
    return [
        leaf
        for key, child in schema["properties"].items()
        for leaf in _leaves(child, name, tables, (*path, key))
    ]


@of_each_version
def test_rows_with_a_default_have_one_in_the_schema(contract: Contract) -> None:
    rows = [row for row in contract.mapping.rows if row.op in ("default", "when-present")]
    assert len(rows) >= 7
    assert all("default" in contract.properties[row.path] for row in rows)


def test_a_payload_of_version_2_says_so_if_version_1_would_read_another_run() -> None:
    old, new = CONTRACTS
    [row] = [row for row in new.mapping.rows if row.to == ("metadata", "schema_version")]
    named = {condition.path for condition in row.when}
    sent = {each.path for each in new.mapping.rows if each.path and each.op != "choose"}
    assert named == (sent - old.properties.keys()) | {("training", "mode")}


@of_each_version
def test_both_readers_of_schemas_know_every_keyword_in_use(contract: Contract) -> None:
    for name in (contract.config_schema, contract.target.payload_schema):
        used = _keywords(contract.schemas.file(name), name, set())
        structure = {"properties", "additionalProperties", "required", "$ref", "items"}
        assert used - structure <= KEYWORDS.keys()
        assert used - {"properties", "$ref", "items"} <= EXPLANATIONS.keys()


def test_the_table_of_an_upgrade_names_keys_of_both_versions() -> None:
    old, new = CONTRACTS
    upgrade = new.upgrade
    assert upgrade.choices
    assert upgrade.moves
    for choice in upgrade.choices:
        assert choice.source in old.properties
        assert {*choice.values.values(), choice.absent} <= {*new.properties[choice.to]["enum"]}
        allowed = new.properties[choice.to]["enum"]
        assert all({*each.values} <= {*allowed} and each.begins + each.inside for each in choice.words)
    for move in upgrade.moves:
        assert move.to in new.properties
        assert not {*move.sources} & (old.properties.keys() | new.properties.keys())
    for removal in upgrade.removals:
        assert old.properties[removal.path]["deprecated"]


IN_ONE = ("additionalItems", "additionalProperties", "contains", "else", "if", "items", "not", "then")
IN_LISTS = ("allOf", "anyOf", "items", "oneOf")
IN_TABLES = ("definitions", "dependencies", "patternProperties", "properties")


def _inner(schema: dict[str, Any]) -> Iterator[Any]:
    """Yield the direct subschemas of a schema, for every keyword of draft-07."""
    for keyword, value in schema.items():
        if keyword in IN_LISTS and isinstance(value, list):
            yield from value
        elif keyword in IN_TABLES:
            yield from value.values()
        elif keyword in (*IN_ONE, "propertyNames"):
            yield value


def _keywords(schema: Any, name: str, seen: set[tuple[str, int]]) -> set[str]:
    """Return the keywords of a schema and its subschemas, with references resolved."""
    if not isinstance(schema, dict) or (name, id(schema)) in seen:
        return set()
    seen.add((name, id(schema)))
    found = schema.keys() - ANNOTATIONS
    if "$ref" in schema:
        found |= _keywords(*PACKAGED.schemas.resolve(schema, name), seen)
    return found.union(*(_keywords(each, name, seen) for each in _inner(schema)))


def test_deeply_nested_keywords_are_found() -> None:
    deep = {"anyOf": [{"not": {"items": [{"if": {"propertyNames": {"pattern": "a"}}}]}}]}
    used = _keywords(deep, CONTRACTS[0].config_schema, set())
    assert used == {"anyOf", "not", "items", "if", "propertyNames", "pattern"}
