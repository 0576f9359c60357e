"""The engine that runs a mapping table: TOML values to payload. It knows no key by name."""

from collections.abc import Mapping
from typing import Any

from sftc.contract.mapping_table import MappingTable
from sftc.contract.operations import sent
from sftc.contract.targets import Target


def to_payload(rules: MappingTable, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload for `values`, which must be valid under the same contract.

    The payload shares no list or table with `values`. Its keys are in the order of the rows; those of a
    table that is sent whole are sorted.
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


def check_payload(payload: dict[str, Any], target: Target) -> None:
    """Make sure that a compiled payload fits the schema of its target.

    Raises:
        RuntimeError: it does not, which is a bug in the schemas or the mapping table.
    """
    if not target.accepts_payload(payload):
        from sftc.contract.dialect import payload_faults

        if faults := payload_faults(target, payload):
            raise RuntimeError(f"the compiled payload breaks its schema: {'; '.join(faults)}")
