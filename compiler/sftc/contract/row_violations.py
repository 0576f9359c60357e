"""The violations of the row schema by a row.

`jsonschema` decides about configs, but its import takes longer than the check of a short training file.
So rows have a walk of their own, over the few keywords of their schema. Tests compare the two.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sftc.contract.acceptance import ANNOTATIONS, Predicate, schema_predicate
from sftc.contract.schemas import Schema, Schemas
from sftc.contract.versions import ROW
from sftc.text.keys import Path


class Misfit(NamedTuple):
    """A value that does not fit a keyword of its schema, and where it is in the row."""

    keyword: str
    path: Path
    schema: Schema
    value: Any


Child = tuple[str | int, Schema, Any]
"""The key or the index of an inner value, its schema, and the value."""


def row_violations(schemas: Schemas, row: Any) -> Iterator[Misfit]:
    """Yield every violation of the row schema by one row of a training file."""
    return violations_of(schemas, {"$ref": ROW}, row)


def violations_of(schemas: Schemas, schema: Schema, row: Any) -> Iterator[Misfit]:
    """Yield every violation by one row of `schema`, whose references are to files of `schemas`."""
    return _walk(schemas).violations(schema, "", row, ())


@lru_cache(maxsize=1)
def _walk(schemas: Schemas) -> "_Walk":
    return _Walk(schemas)


class _Walk:
    """A walk over a schema and a value, which keeps the predicates that it has built."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._tests: dict[tuple[int, str], Predicate] = {}

    def violations(self, schema: Schema, home: str, value: Any, path: Path) -> Iterator[Misfit]:
        """Yield the violations of `schema`, which is in the file `home`, by `value`, which is at `path`."""
        schema, home = self._schemas.resolve(schema, home)
        for keyword, limit in schema.items():
            if keyword in _CHILDREN:
                for part, child, inner in _CHILDREN[keyword](limit, value):
                    yield from self.violations(child, home, inner, (*path, part))
            elif keyword == "required":
                missing = [name for name in limit if isinstance(value, dict) and name not in value]
                yield from (Misfit(keyword, path, schema, value) for _ in missing)
            elif keyword not in ANNOTATIONS and not self._test(schema, keyword)(value):
                yield Misfit(keyword, path, schema, value)

    def _test(self, schema: Schema, keyword: str) -> Predicate:
        at = (id(schema), keyword)
        if at not in self._tests:
            self._tests[at] = schema_predicate(self._schemas, {keyword: schema[keyword]})
        return self._tests[at]


def _properties(schemas: dict[str, Schema], value: Any) -> Iterator[Child]:
    if isinstance(value, dict):
        yield from ((name, schema, value[name]) for name, schema in schemas.items() if name in value)


def _items(schema: Schema, value: Any) -> Iterator[Child]:
    if isinstance(value, list):
        yield from ((index, schema, item) for index, item in enumerate(value))


_CHILDREN: Final[Mapping[str, Callable[[Any, Any], Iterator[Child]]]] = {
    "properties": _properties,
    "items": _items,
}
