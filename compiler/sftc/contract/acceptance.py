"""Schemas as plain predicates: a fast yes for values that are certainly valid.

`jsonschema` decides what is valid, but importing it costs more than a whole compile. A
predicate returns true only if `jsonschema` would find no violation. The predicate of a schema
with a keyword that the table below lacks is always false, so that `jsonschema` decides. Tests
compare the two.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any, Final

from sftc.contract.json_types import TYPES, is_number, repeated_item
from sftc.contract.schemas import Schema, Schemas

Predicate = Callable[[Any], bool]
Build = Callable[[Schema], Predicate]

ANNOTATIONS: Final = frozenset(
    {"$schema", "title", "description", "default", "examples", "definitions", "x-sftc"}
)


def predicate(schemas: Schemas, name: str) -> Predicate:
    """Return the predicate for the schema in file `name`."""
    try:
        return _Builder(schemas).reference(name, "#")
    except _UnknownKeyword:
        return lambda value: False


def schema_predicate(schemas: Schemas, schema: Schema) -> Predicate:
    """Return the predicate for `schema`, which is in no file: with a reference it is always false."""
    try:
        return _Builder(schemas).schema(schema, "")
    except _UnknownKeyword:
        return lambda value: False


class _UnknownKeyword(Exception):
    """A schema has a keyword that this module has no predicate for, or a reference from nowhere."""


class _Builder:
    """Turns schemas into predicates, each reference once, so that they may recur."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._known: dict[tuple[str, str], Predicate] = {}

    def reference(self, name: str, reference: str) -> Predicate:
        if not name:
            raise _UnknownKeyword
        at = (name, reference)
        if at not in self._known:
            # A schema may refer to itself: until it is built, a promise takes its place.
            self._known[at] = lambda value: self._known[at](value)  # noqa: PLW0108  looked up late
            schema, home = self._schemas.resolve({"$ref": reference}, name)
            self._known[at] = self.schema(schema, home)
        return self._known[at]

    def schema(self, schema: Schema, name: str) -> Predicate:
        if "$ref" in schema:
            return self.reference(name, schema["$ref"])
        keywords = schema.keys() - ANNOTATIONS
        if not keywords <= KEYWORDS.keys() | _OBJECT_KEYWORDS:
            raise _UnknownKeyword
        build = partial(self.schema, name=name)
        tests = [KEYWORDS[keyword](schema[keyword], build) for keyword in keywords - _OBJECT_KEYWORDS]
        if not keywords.isdisjoint(_OBJECT_KEYWORDS):
            tests.append(_object(schema, build))
        return reduce(_both, tests) if tests else _always


def _always(value: Any) -> bool:
    return True


def _both(one: Predicate, other: Predicate) -> Predicate:
    return lambda value: one(value) and other(value)


def _never(limit: Any, build: Build) -> Predicate:
    return lambda value: False


def _type(limit: Any, build: Build) -> Predicate:
    if isinstance(limit, str):
        return TYPES[limit]
    tests = tuple(TYPES[name] for name in limit)

    def test(value: Any) -> bool:
        for each in tests:  # noqa: SIM110  a loop costs half of `any` with a generator
            if each(value):
                return True
        return False

    return test


def _const(limit: Any, build: Build) -> Predicate:
    return lambda value: type(value) is type(limit) and value == limit


def _enum(limit: Any, build: Build) -> Predicate:
    tests = [_const(each, build) for each in limit]
    return lambda value: any(test(value) for test in tests)


def _minimum(limit: Any, build: Build) -> Predicate:
    return lambda value: not is_number(value) or value >= limit


def _maximum(limit: Any, build: Build) -> Predicate:
    return lambda value: not is_number(value) or value <= limit


def _exclusive_minimum(limit: Any, build: Build) -> Predicate:
    return lambda value: not is_number(value) or value > limit


def _exclusive_maximum(limit: Any, build: Build) -> Predicate:
    return lambda value: not is_number(value) or value < limit


def _pattern(limit: Any, build: Build) -> Predicate:
    search = re.compile(limit).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _multiple_of(limit: Any, build: Build) -> Predicate:
    return lambda value: not is_number(value) or value % limit == 0


def _max_length(limit: Any, build: Build) -> Predicate:
    return lambda value: not isinstance(value, str) or len(value) <= limit


def _not(limit: Any, build: Build) -> Predicate:
    test = build(limit)
    return lambda value: not test(value)


def _items(limit: Any, build: Build) -> Predicate:
    test = build(limit)
    return lambda value: not isinstance(value, list) or all(map(test, value))


def _min_items(limit: Any, build: Build) -> Predicate:
    return lambda value: not isinstance(value, list) or len(value) >= limit


def _max_items(limit: Any, build: Build) -> Predicate:
    return lambda value: not isinstance(value, list) or len(value) <= limit


def _unique_items(limit: Any, build: Build) -> Predicate:
    return lambda value: not limit or not isinstance(value, list) or repeated_item(value) is None


def _any_of(limit: Any, build: Build) -> Predicate:
    tests = [build(each) for each in limit]
    return lambda value: any(test(value) for test in tests)


_OBJECT_KEYWORDS: Final = frozenset({"properties", "additionalProperties", "required"})


def _object(schema: Schema, build: Build) -> Predicate:
    """Return one predicate for the three keywords about the keys of an object: one pass over it."""
    properties = {name: build(child) for name, child in schema.get("properties", {}).items()}
    required = frozenset(schema.get("required", ()))
    others = schema.get("additionalProperties", True)
    other: Predicate = build(others) if isinstance(others, dict) else lambda value: bool(others)

    def test(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        if not required <= value.keys():
            return False
        for name, child in value.items():  # noqa: SIM110  as above
            if not properties.get(name, other)(child):
                return False
        return True

    return test


KEYWORDS: Final[Mapping[str, Callable[[Any, Build], Predicate]]] = {
    "type": _type,
    "const": _const,
    "enum": _enum,
    "minimum": _minimum,
    "maximum": _maximum,
    "exclusiveMinimum": _exclusive_minimum,
    "exclusiveMaximum": _exclusive_maximum,
    "multipleOf": _multiple_of,
    "maxLength": _max_length,
    "pattern": _pattern,
    "not": _not,
    "items": _items,
    "minItems": _min_items,
    "maxItems": _max_items,
    "uniqueItems": _unique_items,
    "anyOf": _any_of,
    "deprecated": _never,
}
