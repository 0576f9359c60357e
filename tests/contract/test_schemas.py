"""Requirements on every schema and every mapping rule of the contract."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from jsonschema import Draft7Validator

from sftc.checks.violations import EXPLANATIONS
from sftc.contract.acceptance import ANNOTATIONS, KEYWORDS, predicate
from sftc.contract.versions import PACKAGED
from sftc.text.keys import dotted

FOLDER = Path(__file__).parents[2] / "schemas" / "sftc_schemas"
SCHEMAS = sorted(FOLDER.rglob("*.schema.json"))
CONTRACT = PACKAGED.version(1)
OPEN = {"hyperparameters.parallelism", "data.topology", "algorithm"}
SECTIONS = [
    "job",
    "compute",
    "data",
    "training",
    "training.validation",
    "hyperparameters",
    "hyperparameters.parallelism",
    "algorithm",
]


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_every_schema_passes_its_own_metaschema(path: Path) -> None:
    schema = json.loads(path.read_bytes())
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_a_schema_of_its_own(section: str) -> None:
    schema = json.loads((FOLDER / CONTRACT.section_schema(tuple(section.split(".")))).read_bytes())
    assert schema["title"] == f"[{section}]"
    assert CONTRACT.properties[tuple(section.split("."))] == schema


@pytest.mark.parametrize("path", CONTRACT.properties, ids=dotted)
def test_every_property_has_a_title_a_description_and_examples(path: tuple[str, ...]) -> None:
    schema = CONTRACT.properties[path]
    assert schema["title"]
    assert len(schema["description"]) > 30
    if "properties" not in schema:
        assert schema["examples"]
    if schema.get("deprecated"):
        assert schema["x-sftc"]["instead"]


def test_examples_and_defaults_are_valid() -> None:
    checked = set()
    for path, schema in CONTRACT.properties.items():
        if not schema.get("deprecated"):
            section = CONTRACT.section_schema(path[:-1]) if len(path) > 1 else CONTRACT.config_schema
            holds = predicate(CONTRACT.schemas, section)
            for value in [*schema.get("examples", []), *([schema["default"]] if "default" in schema else [])]:
                table: dict[Any, Any] = {path[-1]: value}
                job = CONTRACT.section_schema(("job",))
                if section in {job, CONTRACT.config_schema}:
                    table = {"job": {"model": "m"}, "model": "m", **table}
                    table.pop("job" if section == job else "model")
                assert holds(table), dotted(path)
                checked.add(path)
    leaves = {path for path, schema in CONTRACT.properties.items() if "properties" not in schema}
    assert checked >= {path for path in leaves if not CONTRACT.properties[path].get("deprecated")}


def test_only_the_open_tables_are_open() -> None:
    tables = {dotted(p): s for p, s in CONTRACT.properties.items() if s.get("type") == "object"}
    assert {name for name, schema in tables.items() if schema["additionalProperties"] is not False} == OPEN
    assert CONTRACT.schemas.file(CONTRACT.config_schema)["additionalProperties"] is False


def test_mapping_rules_are_valid_by_their_schema() -> None:
    schema = json.loads((FOLDER / "mapping.schema.json").read_bytes())
    paths = [*FOLDER.glob("targets/*/v*/mapping.toml")]
    assert len(paths) == len(PACKAGED.versions)
    for path in paths:
        Draft7Validator(schema).validate(tomlkit.parse(path.read_text(encoding="utf-8")).unwrap())


def test_every_property_is_sent_or_declared_unsent() -> None:
    read = [row.path for row in CONTRACT.mapping.rows if row.path]
    read += [row.path for row in CONTRACT.mapping.unsent]
    assert len(set(read)) == len(read)
    assert set(read) <= CONTRACT.properties.keys()
    values = [path for path, schema in CONTRACT.properties.items() if "properties" not in schema]
    assert [path for path in values if not any(path[:depth] in read for depth in range(1, 9))] == []


def test_every_payload_pointer_has_exactly_one_source() -> None:
    targets = [row.to for row in CONTRACT.mapping.rows]
    assert len(set(targets)) == len(targets)
    ids = [row.id for row in CONTRACT.mapping.rows]
    assert len(set(ids)) == len(ids)
    pointers = set(_leaves(CONTRACT.schemas.file(CONTRACT.payload_schema), CONTRACT.payload_schema))
    bound_at_submission = {("metadata", "effective_config", "data", "validation_files")}
    containers = {("metadata", "effective_config", "compute"), ("metadata", "effective_config", "training")}
    assert set(targets) - containers == pointers - bound_at_submission


def _leaves(schema: dict[str, Any], name: str, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    schema, name = CONTRACT.schemas.resolve(schema, name)
    if "properties" not in schema or schema["additionalProperties"] is not False:
        return [path]
    return [
        leaf for key, child in schema["properties"].items() for leaf in _leaves(child, name, (*path, key))
    ]


def test_mapping_rows_and_schemas_agree_on_defaults() -> None:
    paths: dict[str, list[Any]] = {}
    for row in CONTRACT.mapping.rows:
        paths.setdefault(row.op, []).append(row.path)
    have_one = {path for path, schema in CONTRACT.properties.items() if "default" in schema}
    assert paths["default"]
    assert paths["copy"]
    assert {*paths["default"], *paths.get("when-present", [])} <= have_one
    assert not have_one & {*paths["copy"]}


def test_both_schema_readers_support_every_keyword_in_use() -> None:
    for name in (CONTRACT.config_schema, CONTRACT.payload_schema):
        used = _keywords(CONTRACT.schemas.file(name), name, set())
        structure = {"properties", "additionalProperties", "required", "$ref", "items"}
        assert used - structure <= KEYWORDS.keys()
        assert used - {"properties", "$ref", "items"} <= EXPLANATIONS.keys()


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
        found |= _keywords(*CONTRACT.schemas.resolve(schema, name), seen)
    return found.union(*(_keywords(each, name, seen) for each in _inner(schema)))


def test_deeply_nested_keywords_are_found() -> None:
    deep = {"anyOf": [{"not": {"items": [{"if": {"propertyNames": {"pattern": "a"}}}]}}]}
    used = _keywords(deep, CONTRACT.config_schema, set())
    assert used == {"anyOf", "not", "items", "if", "propertyNames", "pattern"}
