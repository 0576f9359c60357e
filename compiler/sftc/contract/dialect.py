"""The contract's dialect of JSON Schema, in `jsonschema`, which decides what is valid."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from jsonschema import Draft7Validator, TypeChecker, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT7

from sftc.contract.acceptance import schema_predicate
from sftc.contract.json_types import TYPES, repeated_item
from sftc.contract.schemas import Schema, Schemas
from sftc.contract.targets import Target
from sftc.contract.versions import PACKAGED, Contract


def _type(validator: Any, limit: Any, value: Any, schema: Schema) -> Iterator[ValidationError]:
    # The library's own check writes the value into its message, which fails for an
    # integer of more than 4,300 digits.
    names = [limit] if isinstance(limit, str) else limit
    if not any(TYPES[name](value) for name in names):
        yield ValidationError("is of another type")


def _deprecated(validator: Any, limit: Any, value: Any, schema: Schema) -> Iterator[ValidationError]:
    if limit:
        yield ValidationError("is deprecated")


def _unique(validator: Any, limit: Any, value: Any, schema: Schema) -> Iterator[ValidationError]:
    # The library's own check compares each item with each.
    if limit and isinstance(value, list) and (index := repeated_item(value)) is not None:
        yield ValidationError("is there twice", path=(index,))


_MOST_ITEMS: Final = 101
"""The wrong items of an array that have a violation each. The last one counts the others."""


def _items(validator: Any, items: Any, value: Any, schema: Schema) -> Iterator[ValidationError]:
    # The library's own check takes seconds for a hundred thousand items that are wrong.
    if not isinstance(value, list):
        return
    accepts = _never if "$ref" in items else schema_predicate(PACKAGED.schemas, items)
    wrong = [index for index, item in enumerate(value) if not accepts(item)]
    shown = wrong if accepts is _never else wrong[:_MOST_ITEMS]
    for index in shown:
        for error in validator.descend(value[index], items, path=index):
            error.number = 1 if index != shown[-1] else 1 + len(wrong) - len(shown)
            yield error


def _never(value: Any) -> bool:
    return False


def number_of(error: ValidationError) -> int:
    """Return how many violations `error` counts as: more than one if it is the last of many in an array."""
    return getattr(error, "number", 1)


def _checker(test: Callable[[Any], bool]) -> Any:
    return lambda _, value: test(value)


Dialect: Final = extend(  # type: ignore[no-untyped-call]  # the stubs leave `extend` without types
    Draft7Validator,
    {"type": _type, "deprecated": _deprecated, "uniqueItems": _unique, "items": _items},
    type_checker=TypeChecker({name: _checker(test) for name, test in TYPES.items()}),
)
"""Draft 7 with the contract's own types; a deprecated key is a violation as well."""


def violations(contract: Contract, values: Any) -> Iterator[ValidationError]:
    """Yield every violation of the schemas of `contract` by a config's `values`."""
    yield from _validator(Dialect, contract.schemas, contract.config_schema).iter_errors(values)


def payload_faults(target: Target, payload: Any) -> list[str]:
    """Return the violations of the payload schema, read as plain draft 7, by `payload`."""
    validator = _validator(Draft7Validator, target.schemas, target.payload_schema)
    return [error.message for error in validator.iter_errors(payload)]


@cache
def _validator(dialect: Any, schemas: Schemas, name: str) -> Any:
    # Resources that are there from the start are searched for anchors once, not at each reference.
    files = {file: schemas.file(file) for file in schemas.reachable(name)}
    # At a `$schema`, jsonschema would continue with plain draft 7.
    bare = {file: {key: schema[key] for key in schema if key != "$schema"} for file, schema in files.items()}
    resources = [(file, DRAFT7.create_resource(schema)) for file, schema in bare.items()]
    registry: Registry[Any] = Registry().with_resources(resources).crawl()
    return dialect({"$ref": name}, registry=registry)
