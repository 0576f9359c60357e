"""Mapping tables read backwards: from what another trainer takes to the values of a config. It knows no key.

A rule that sends a value says which values its key may have had: `choose` those with that value, `copy` the
value itself. A rule of the run does the same one step further back. Of several rules to one place, the first
that applies counts, as on the way forward; which of them apply depends on other keys, so the tables are
read until nothing changes.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, NamedTuple

import orjson

from sftc.contract.acceptance import Predicate, schema_predicate
from sftc.contract.json_types import json_text
from sftc.contract.mapping_table import Condition, MappingRow
from sftc.contract.targets import RUN, Target
from sftc.contract.upgrade import Upgraded
from sftc.contract.versions import Contract
from sftc.text.keys import ABSENT, Path, look_up

KeyOrPointer = tuple[str, ...]
"""A key of a config, a setting of the run, or a pointer into a payload."""


_MOST_ROUNDS: Final = 12
"""Three or four are usual. Values that contradict each other may need no end of them."""


class Wanted(NamedTuple):
    """A value that a payload must have at the pointer `to`.

    With `is_key`, `to` is a key or setting of the run instead. `by` is what the source calls it.
    `is_given` is whether the source says so, and not only the trainer's default. A `weak` one decides nothing
    that another decides.
    """

    to: KeyOrPointer
    value: Any
    by: Path
    is_given: bool = True
    is_key: bool = False
    weak: bool = False


class Inverse(NamedTuple):
    """The values of a config, by key, and the keys that each key of the source decides."""

    values: dict[KeyOrPointer, Any]
    decided: dict[Path, tuple[KeyOrPointer, ...]]


def nested(values: Mapping[KeyOrPointer, Any]) -> dict[str, Any]:
    """Return values by key as tables."""
    tables: dict[str, Any] = {}
    for path, value in values.items():
        table = tables
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value
    return tables


class Backwards:
    """The table of a target, and that of the run, read backwards."""

    def __init__(self, target: Target, language: Contract) -> None:
        self._target = target
        self._language = language
        self._tests: dict[KeyOrPointer, Predicate] = {}

    def meaning(self, values: Mapping[KeyOrPointer, Any]) -> Mapping[str, Any]:
        """Return the values of a config, and the run that they mean."""
        return self._language.run(Upgraded(nested(values), {}, ())).values

    def invert(self, wanted: Sequence[Wanted]) -> Inverse:
        """Return a config whose payload has what is wanted, as far as there is one."""
        order = sorted(wanted, key=lambda each: (each.weak, not each.is_given))
        found = Inverse({}, {})
        for trusting in (True, False):
            seen: list[dict[KeyOrPointer, Any]] = []
            while found.values not in seen and len(seen) < _MOST_ROUNDS:
                seen.append(found.values)
                found = _Round(self, self.meaning(found.values), trusting=trusting).of(order)
        return found

    @cached_property
    def rows(self) -> Mapping[KeyOrPointer, Sequence[MappingRow]]:
        """The rules of the target by place."""
        return _grouped(self._target.mapping.rows, ())

    @cached_property
    def run_rows(self) -> Mapping[KeyOrPointer, Sequence[MappingRow]]:
        """The rules of the run by setting, in their order."""
        return _grouped(self._language.run_table.rows, (RUN,))

    def accepted(self, path: KeyOrPointer, value: Any, *, strict: bool = False) -> Any:
        """Return `value` as the key at `path` takes it, `ABSENT` if it does not take it."""
        schema = self._language.properties.get(path)
        if schema is None:
            return ABSENT
        if path not in self._tests:
            self._tests[path] = schema_predicate(self._language.schemas, schema)
        forms = [value] if strict else _forms(value, schema.get("type"))
        return next((each for each in forms if self._tests[path](each)), ABSENT)

    def can_be(self, path: KeyOrPointer, value: Any, *, strict: bool) -> bool:
        """Return whether a key, or setting of the run, may have a value."""
        if path[0] != RUN:
            return self.accepted(path, value, strict=strict) is not ABSENT
        return any(self.sources(row, [value], strict=strict) is not None for row in self.run_rows[path])

    def domain(self, path: KeyOrPointer) -> list[Any]:
        """Return all values that a key, or setting of the run, may have; none if they cannot be listed."""
        if path[0] != RUN:
            schema = self._language.properties.get(path, {})
            return [True, False] if schema.get("type") == "boolean" else [*schema.get("enum", ())]
        found: list[Any] = []
        for row in self.run_rows[path]:
            if row.op == "constant":
                found.append(row.value)
            else:
                found += row.values.values() if row.op == "choose" else self.domain(row.path)
        return found

    def keys(self, path: KeyOrPointer) -> list[KeyOrPointer]:
        """Return the keys that a value of a key, or setting of the run, may be read back to."""
        if path[0] != RUN:
            return [path]
        rows = [row for row in self.run_rows[path] if row.op in _UNDO]
        read = [each for row in rows for each in (row.path, *row.of) if isinstance(each, tuple) and each]
        return [key for each in read for key in self.keys(each)]

    def sources(self, row: MappingRow, values: Sequence[Any], *, strict: bool = False) -> list[Any] | None:
        """Return what the key of a row must be one of, so that the row makes one of `values`; else `None`."""
        if row.op == "constant":
            return [] if any(same(each, row.value) for each in values) else None
        undo = _UNDO.get(row.op)
        if undo is None:
            return None
        if row.op == "choose" and values == [None]:
            return [each for each in self.domain(row.path) if json_text(each) not in row.values] or None
        found = [each for value in values for each in undo(row, value)]
        if row.path and row.op != "choose":
            found = [each for each in found if self.can_be(row.path, each, strict=strict)]
        return found or None


class _Round:
    """One reading of the tables, while `state` is what the last one found.

    The first ones are `trusting`: a rule is read although `unless` says that it does not apply, because what
    it is read for may be the very value that makes it apply.
    """

    def __init__(self, tables: Backwards, state: Mapping[str, Any], *, trusting: bool) -> None:
        self._tables = tables
        self._state = state
        self._trusting = trusting
        self._allowed: dict[KeyOrPointer, list[Any]] = {}
        self._by: dict[KeyOrPointer, list[Path]] = {}

    def of(self, wanted: Iterable[Wanted]) -> Inverse:
        for each in wanted:
            if each.is_key:
                self._narrow(each.to, [each.value], [each.by])
            elif (row := self._row(each)) and (found := self._tables.sources(row, [each.value])):
                self._narrow(row.path, found, [each.by])
        for setting in reversed([*self._tables.run_rows]):
            if setting in self._allowed:
                self._descend(setting)
        keys = {path: values[0] for path, values in self._allowed.items() if path[0] != RUN}
        decided: dict[Path, list[KeyOrPointer]] = {}
        for path in keys:
            for by in self._by[path]:
                decided.setdefault(by, []).append(path)
        return Inverse(keys, {by: tuple(dict.fromkeys(paths)) for by, paths in decided.items()})

    def _row(self, wanted: Wanted) -> MappingRow | None:
        """Return the rule that makes what is wanted."""
        rows = [row for row in self._tables.rows.get(wanted.to, ()) if self._applies(row, wanted)]
        if any(row.op == "constant" and not row.when and same(row.value, wanted.value) for row in rows):
            return None  # it is so without any key
        for strict in (True, False):
            for row in rows:
                if self._tables.sources(row, [wanted.value], strict=strict) is not None:
                    return row
        return None

    def _applies(self, row: MappingRow, wanted: Wanted) -> bool:
        def holds(condition: Condition) -> bool:
            if condition.path == row.path:
                values = self._tables.sources(row, [wanted.value]) or []
                return any(condition.value is ABSENT or same(condition.value, each) for each in values)
            return condition.holds(self._state)

        needed = not row.when or any(map(holds, row.when))
        return needed and ((self._trusting and wanted.is_given) or not any(map(holds, row.unless)))

    def _narrow(self, path: KeyOrPointer, values: Sequence[Any], by: Iterable[Path]) -> bool:
        """Allow only `values` for a key or setting, and return whether any of them was allowed before."""
        if path[0] != RUN:
            values = [
                each
                for each in (self._tables.accepted(path, value) for value in values)
                if each is not ABSENT
            ]
        before = self._allowed.get(path)
        left = (
            [*values] if before is None else [each for each in before if any(same(each, v) for v in values)]
        )
        if left:
            self._allowed[path] = left
            self._by.setdefault(path, []).extend(by)
        return bool(left)

    def _descend(self, setting: KeyOrPointer) -> None:
        """Allow for the keys of a setting of the run only what makes one of its allowed values."""
        values = self._allowed[setting]
        rows = self._tables.run_rows[setting]
        if len(values) > 1 and any(
            row.op == "constant" and not row.when and row.value in values for row in rows
        ):
            return
        for row in rows:
            if not self._within_reach(row):
                continue
            if row.op == "constant":
                if not row.when and any(same(row.value, each) for each in values):
                    return
                continue
            if row.op == "product":
                found = self._factor(row, values[0])
            else:
                found = [(row.path, self._tables.sources(row, values) or [])]
            met = [path for path, made in found if made and self._narrow(path, made, self._by[setting])]
            if met:
                self._meet(row, setting)
                return

    def _within_reach(self, row: MappingRow) -> bool:
        """Return whether a rule of the run applies, or could: a key that it asks for can be set."""
        asked = [each for each in row.when if each.path[0] == RUN]
        if asked and not any(self._is_met(each) for each in asked):
            return False
        return self._trusting or not any(self._is_met(each) for each in row.unless)

    def _is_met(self, condition: Condition) -> bool:
        allowed = self._allowed.get(condition.path)
        if allowed is not None and condition.value is not ABSENT:
            return any(same(each, condition.value) for each in allowed)
        return condition.holds(self._state)

    def _meet(self, row: MappingRow, setting: KeyOrPointer) -> None:
        for condition in row.when:
            if condition.path[0] != RUN and condition.value is not ABSENT:
                self._narrow(condition.path, [condition.value], self._by[setting])

    def _factor(self, row: MappingRow, value: Any) -> list[tuple[KeyOrPointer, list[Any]]]:
        """Return what the first factor of a product must be that is not known, if the others are."""
        factors = [each for each in row.of if isinstance(each, tuple)]
        unknown = next((each for each in factors if each not in self._allowed), factors[-1])
        rest = Decimal(1)
        for path in factors:
            if path != unknown:
                factor = self._allowed.get(path, [look_up(self._state, path)])[0]
                rest *= Decimal(repr(factor)) if isinstance(factor, int | float) else 0
        return [(unknown, [_quotient(value, rest)])] if isinstance(value, int | float) and rest else []


def _quotient(value: float, rest: Decimal) -> float:
    exact = Decimal(repr(value)) / rest
    return int(exact) if isinstance(value, int) and exact == int(exact) else float(exact)


def _grouped(rows: Iterable[MappingRow], before: KeyOrPointer) -> dict[KeyOrPointer, list[MappingRow]]:
    groups: dict[KeyOrPointer, list[MappingRow]] = {}
    for row in rows:
        groups.setdefault((*before, *row.to), []).append(row)
    return groups


def same(one: Any, other: Any) -> bool:
    """Return whether two values mean the same to a trainer.

    A number may be a float or an integer, or a text that says it, and a list of one item is that item.

    >>> same(16, 16.0), same("1e-4", 0.0001), same(["wandb"], "wandb"), same(True, 1)
    (True, True, True, False)
    """
    if isinstance(one, list) != isinstance(other, list):
        one, other = (each if isinstance(each, list) else [each] for each in (one, other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(each, other[name]) for name, each in one.items())
    a, b = _number(one), _number(other)
    if a is not None and b is not None:
        return math.isclose(a, b, rel_tol=1e-12)  # nothing is close to infinity
    return type(one) is type(other) and bool(one == other)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _forms(value: Any, type: Any) -> Iterator[Any]:
    """Yield what `value` may mean to a key of that type, the value itself first."""
    yield value
    types: Collection[str] = [type] if isinstance(type, str) else type or ()
    number = _number(value)
    if number is not None and {"integer", "number"} & {*types}:
        if number.is_integer():
            yield int(number)
        if "number" in types:
            yield number
    if "boolean" in types and isinstance(value, str):
        yield {"true": True, "false": False}.get(value.lower(), value)
    if "array" in types and not isinstance(value, list):
        yield [value]
    if "string" in types and isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)


def _itself(row: MappingRow, value: Any) -> list[Any]:
    return [value]


def _chosen(row: MappingRow, value: Any) -> list[Any]:
    return [_read_json(text) for text, sent in row.values.items() if same(sent, value)]


def _read_json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return text


def _listed(row: MappingRow, value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [items[0], items] if len(items) == 1 else [items]


def _joined(row: MappingRow, value: Any) -> list[Any]:
    if not isinstance(value, str):
        return []
    return _listed(row, [each.strip() for each in value.split(row.options["separator"])])


def _tabled(row: MappingRow, value: Any) -> list[Any]:
    tables = value
    if isinstance(value, dict) and "name" in row.options:
        name = re.escape(row.options["name"]).replace(re.escape("{number}"), "[0-9]+")
        tables = [table for key, table in value.items() if re.fullmatch(name, key)]
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        return []
    items = [each[row.options["as"]] for each in tables if row.options["as"] in each]
    flat = [part for each in items for part in (each if isinstance(each, list) else [each])]
    return _listed(row, flat) if flat else []


_UNDO: Final[Mapping[str, Callable[[MappingRow, Any], list[Any]]]] = {
    "copy": _itself,
    "default": _itself,
    "whole": _itself,
    "choose": _chosen,
    "list": _listed,
    "join": _joined,
    "each": _tabled,
    "product": _itself,
}
"""For each operation that can be read backwards, what its key may have been."""
