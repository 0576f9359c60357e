"""The operations of mapping tables: from the values of a config to a value that is sent. They know no key."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from math import prod
from typing import Any, Final

from sftc.contract.json_types import json_text
from sftc.contract.mapping_table import Factor, MappingRow, MappingTable
from sftc.text.keys import ABSENT, Path, look_up

# An operation returns the value that a row sends, or `ABSENT` to leave it out.


def _copy(row: MappingRow, values: Mapping[str, Any]) -> Any:
    return look_up(values, row.path)


def _default(row: MappingRow, values: Mapping[str, Any]) -> Any:
    value = look_up(values, row.path)
    return row.value if value is ABSENT else value


def _when_present(row: MappingRow, values: Mapping[str, Any]) -> Any:
    return ABSENT if look_up(values, row.path[:-1]) is ABSENT else _default(row, values)


def _constant(row: MappingRow, values: Mapping[str, Any]) -> Any:
    return row.value


def _choose(row: MappingRow, values: Mapping[str, Any]) -> Any:
    value = look_up(values, row.path)
    return ABSENT if value is ABSENT else row.values.get(json_text(value), ABSENT)


def _verbatim(row: MappingRow, values: Mapping[str, Any]) -> Any:
    return _known(_default(row, values), row.closed, ())


def _known(value: Any, closed: Mapping[Path, Collection[str]], at: Path) -> Any:
    """Return `value`, sorted, without the keys that a closed table does not know: they are never sent."""
    if not isinstance(value, dict):
        return value
    names = closed.get(at, value)
    return {name: _known(value[name], closed, (*at, name)) for name in sorted(value) if name in names}


def _product(row: MappingRow, values: Mapping[str, Any]) -> Any:
    return _multiplied(row.of, values)


def _quotient(row: MappingRow, values: Mapping[str, Any]) -> Any:
    dividend, divisor = _multiplied(row.of, values), _multiplied(row.by, values)
    return ABSENT if dividend is ABSENT or divisor is ABSENT else max(1, dividend // divisor)


def _multiplied(factors: Iterable[Factor], values: Mapping[str, Any]) -> Any:
    numbers = [look_up(values, each) if isinstance(each, tuple) else each for each in factors]
    if ABSENT in numbers:
        return ABSENT
    if not any(isinstance(each, float) for each in numbers):
        return prod(numbers)
    from decimal import Decimal  # in floats, 2e-4 times 0.1 is 2.0000000000000002e-05

    return float(prod(Decimal(repr(each)) for each in numbers))


def _divisor(row: MappingRow, values: Mapping[str, Any]) -> Any:
    value = look_up(values, row.path)
    if value is ABSENT:
        return ABSENT
    return next(each for each in range(row.options["most"], 0, -1) if value % each == 0)


def _whole(row: MappingRow, values: Mapping[str, Any]) -> Any:
    value = _default(row, values)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _list(row: MappingRow, values: Mapping[str, Any]) -> Any:
    value = _default(row, values)
    return value if value is ABSENT or isinstance(value, list) else [value]


def _join(row: MappingRow, values: Mapping[str, Any]) -> Any:
    found = _list(row, values)
    return ABSENT if found is ABSENT else row.options["separator"].join(map(json_text, found))


def _each(row: MappingRow, values: Mapping[str, Any]) -> Any:
    found = _list(row, values)
    if found is ABSENT:
        return ABSENT
    tables = [{row.options["as"]: value, **row.options.get("with", {})} for value in found]
    return dict(zip(_numbered(row, found), tables, strict=True)) if "name" in row.options else tables


def _names(row: MappingRow, values: Mapping[str, Any]) -> Any:
    found = _list(row, values)
    return ABSENT if found is ABSENT else row.options["separator"].join(_numbered(row, found))


def _numbered(row: MappingRow, found: list[Any]) -> list[str]:
    name: str = row.options["name"]
    return [name.replace("{number}", str(number)) for number in range(1, len(found) + 1)]


def _match(row: MappingRow, values: Mapping[str, Any]) -> Any:
    from fnmatch import fnmatchcase

    value = look_up(values, row.path)
    if not isinstance(value, str):
        return ABSENT
    fits = (
        each["value"] for each in row.options["patterns"] if fnmatchcase(value.lower(), each["glob"].lower())
    )
    return next(fits, ABSENT)


OPERATIONS: Final[Mapping[str, Callable[[MappingRow, Mapping[str, Any]], Any]]] = {
    "copy": _copy,
    "default": _default,
    "when-present": _when_present,
    "verbatim": _verbatim,
    "choose": _choose,
    "constant": _constant,
    "product": _product,
    "quotient": _quotient,
    "divisor": _divisor,
    "whole": _whole,
    "list": _list,
    "join": _join,
    "each": _each,
    "names": _names,
    "match": _match,
}
"""The operations by their names in a table; `mapping.schema.json` documents each with an example."""


def sent(rules: MappingTable, values: Mapping[str, Any]) -> Iterator[tuple[MappingRow, Any]]:
    """Yield each row that sends a value for `values`, with that value; of several to one place, the first."""
    taken = set[tuple[str, ...]]()
    for row in rules.rows:
        if row.to in taken or not row.applies(values):
            continue
        value = OPERATIONS[row.op](row, values)
        if value is not ABSENT:
            taken.add(row.to)
            yield row, value
