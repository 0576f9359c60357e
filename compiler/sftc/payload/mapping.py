"""The engine that runs a mapping table: TOML values to payload. It knows no key by name."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from sftc.contract.json_types import json_text
from sftc.contract.mapping_table import MappingRow, MappingTable
from sftc.contract.versions import Contract
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
    is_sent = not row.when or any(condition.holds(values) for condition in row.when)
    return row.value if is_sent else ABSENT


def _choose(row: MappingRow, values: Mapping[str, Any]) -> Any:
    value = look_up(values, row.path)
    return ABSENT if value is ABSENT else row.values[json_text(value)]


def _verbatim(row: MappingRow, values: Mapping[str, Any]) -> Any:
    return _known(_default(row, values), row.closed, ())


def _known(value: Any, closed: Mapping[Path, Collection[str]], at: Path) -> Any:
    """Return `value` without the keys that a closed table does not know: they are never sent."""
    if not closed or not isinstance(value, dict):
        return value
    names = closed.get(at, value)
    return {name: _known(child, closed, (*at, name)) for name, child in value.items() if name in names}


OPERATIONS: Final[Mapping[str, Callable[[MappingRow, Mapping[str, Any]], Any]]] = {
    "copy": _copy,
    "default": _default,
    "when-present": _when_present,
    "verbatim": _verbatim,
    "choose": _choose,
    "constant": _constant,
}


def sent(rules: MappingTable, values: Mapping[str, Any]) -> Iterator[tuple[MappingRow, Any]]:
    """Yield each row that sends a value for `values`, with that value."""
    for row in rules.rows:
        value = OPERATIONS[row.op](row, values)
        if value is not ABSENT:
            yield row, value


def to_payload(rules: MappingTable, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload for `values`, which must be valid under the same contract.

    The payload shares no list or table with `values`.
    """
    payload: dict[str, Any] = {}
    for row, value in sent(rules, values):
        table = payload
        for part in row.to[:-1]:
            table = table.setdefault(part, {})
        table[row.to[-1]] = _fresh(value)
    return payload


def _fresh(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _fresh(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_fresh(child) for child in value]
    return value


def check_payload(payload: dict[str, Any], contract: Contract) -> None:
    """Make sure that a compiled payload fits its schema.

    Raises:
        RuntimeError: it does not, which is a bug in the schemas or the mapping table.
    """
    if not contract.accepts_payload(payload):
        from sftc.contract.dialect import payload_faults

        if faults := payload_faults(contract, payload):
            raise RuntimeError(f"the compiled payload breaks its schema: {'; '.join(faults)}")
