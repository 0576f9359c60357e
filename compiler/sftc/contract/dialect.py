"""The contract's dialect of JSON Schema, in `jsonschema`, which decides what is valid."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from jsonschema import Draft7Validator, TypeChecker, ValidationError
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from sftc.contract.json_types import TYPES, repeated_item
from sftc.contract.schemas import Schema, Schemas
from sftc.contract.targets import Output
from sftc.contract.versions import ROW, Contract


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


def _checker(test: Callable[[Any], bool]) -> Any:
    return lambda _, value: test(value)


Dialect: Final = extend(  # type: ignore[no-untyped-call]  # the stubs leave `extend` without types
    Draft7Validator,
    {"type": _type, "deprecated": _deprecated, "uniqueItems": _unique},
    type_checker=TypeChecker({name: _checker(test) for name, test in TYPES.items()}),
)
"""Draft 7 with the contract's own types; a deprecated key is a violation as well."""


def violations(contract: Contract, values: Any) -> Iterator[ValidationError]:
    """Yield every violation of the schemas of `contract` by a config's `values`."""
    yield from _validator(Dialect, contract.schemas, contract.config_schema).iter_errors(values)


def row_violations(schemas: Schemas, row: Any) -> Iterator[ValidationError]:
    """Yield every violation of the row schema by one row of a training file."""
    yield from _validator(Draft7Validator, schemas, ROW).iter_errors(row)


def payload_faults(target: Output, payload: Any) -> list[str]:
    """Return the violations of the payload schema, read as plain draft 7, by `payload`."""
    validator = _validator(Draft7Validator, target.schemas, target.payload_schema)
    return [error.message for error in validator.iter_errors(payload)]


def _validator(dialect: Any, schemas: Schemas, name: str) -> Any:
    def retrieve(uri: str) -> Resource[Any]:
        # At a `$schema`, jsonschema would continue with plain draft 7.
        schema = schemas.file(uri)
        return DRAFT7.create_resource({name: schema[name] for name in schema if name != "$schema"})

    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]  # an attrs alias
    return dialect({"$ref": name}, registry=registry)
