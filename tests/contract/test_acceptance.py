"""The fast predicate against `jsonschema`, the authority."""

from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sftc.contract.acceptance import predicate
from sftc.contract.dialect import Dialect, payload_faults, violations
from sftc.contract.schemas import Schemas
from sftc.contract.versions import PACKAGED, Contract
from support.configs import anything, payload_of, spoiled, valid, valid_2

CONTRACT = PACKAGED.version(1)


def contract_of(values: Any) -> Contract:
    is_new = isinstance(values, dict) and values.get("schema_version") == 2
    return PACKAGED.version(2 if is_new else 1)


def authority_accepts(values: Any) -> bool:
    return next(violations(contract_of(values), values), None) is None


@given(valid | valid_2)
def test_valid_configs_are_accepted_by_both(config: dict[str, Any]) -> None:
    contract = PACKAGED.version(config.get("schema_version", 1))
    assert contract.accepts(config)
    assert authority_accepts(config)
    payload = payload_of(config)
    assert contract.target.accepts_payload(payload)
    assert not payload_faults(contract.target, payload)
    assert PACKAGED.of_payload(payload).target.accepts_payload(payload)


@given((valid | valid_2).flatmap(spoiled))
def test_both_say_the_same_of_spoiled_configs(config: dict[str, Any]) -> None:
    assert contract_of(config).accepts(config) == authority_accepts(config)


@given(anything)
def test_both_say_the_same_of_anything(value: Any) -> None:
    assert contract_of(value).accepts(value) == authority_accepts(value)


@given(valid.map(payload_of) | valid.map(payload_of).flatmap(spoiled))
def test_an_accepted_payload_has_no_faults(payload: dict[str, Any]) -> None:
    assume(CONTRACT.target.accepts_payload(payload))
    assert not payload_faults(CONTRACT.target, payload)


SCHEMAS: list[dict[str, Any]] = [
    {"enum": ["a", 1]},
    {"const": True},
    {"minimum": 1, "exclusiveMaximum": 3},
    {"exclusiveMinimum": 1, "maximum": 3},
    {"items": {"type": "integer"}},
    {"type": ["null", "string"]},
    {"properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False},
    {"properties": {"a": {"$ref": "#"}}, "type": "object", "additionalProperties": {"type": "boolean"}},
    {"not": {"required": ["a"]}},
    {"multipleOf": 2},
    {"maxLength": 0},
    {"minLength": 2},
    {"not": {"minLength": 2}},
]


VALUES = ["a", 0, 9, 1, 1.0, 2, True, None, [1], [1.5], {"a": {}}, {"a": "b"}, {"b": 1}]


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@given(value=st.one_of(anything, st.sampled_from(VALUES)))
def test_a_value_that_the_predicate_accepts_is_valid(schema: dict[str, Any], value: Any) -> None:
    if predicate(Schemas(lambda name: orjson.dumps(schema)), "any")(value):
        assert Dialect(schema).is_valid(value)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_the_predicate_accepts_and_refuses_unless_a_keyword_is_unknown(schema: dict[str, Any]) -> None:
    holds = predicate(Schemas(lambda name: orjson.dumps(schema)), "any")
    answers = {bool(holds(value)) for value in VALUES}
    assert answers == ({False} if "minLength" in str(schema) else {True, False})


def test_a_schema_with_an_unknown_keyword_accepts_nothing() -> None:
    assert not predicate(Schemas(lambda name: b'{"minLength": 2}'), "any")("long enough")
    assert not predicate(Schemas(lambda name: b'{"not": {"minLength": 9}}'), "any")("short")


@pytest.mark.parametrize("version", [1, 2])
def test_every_key_can_be_asked_about_any_value(version: int) -> None:
    contract = PACKAGED.version(version)
    tables = [path for path, schema in contract.properties.items() if schema.get("type") == "object"]
    values: list[Any] = [1, "x", [], {"a": {"b": [1]}}]
    assert tables
    for path in contract.properties:
        for value in values:
            assert contract.allows(path, value) in (True, False)
    assert not any(contract.allows(path, 5) for path in tables)
