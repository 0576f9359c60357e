"""Explains why a row does not fit the row schema."""

from typing import Any, Final

from jsonschema import ValidationError

from sftc.contract.dialect import row_violations
from sftc.contract.schemas import Schemas
from sftc.dataset.excerpt import Remark
from sftc.findings.stage_rules.rows import ROW_SHAPE
from sftc.text.keys import Path, dotted

_FORM: Final = '{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'

_KINDS: Final = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    dict: "an object",
    list: "a list",
    type(None): "null",
}


def explain_row(schemas: Schemas, row: Any) -> list[Remark]:
    """Return remarks that explain why `row`, a parsed JSON value, does not fit the row schema."""
    found: dict[Path, Remark] = {}
    errors = list(row_violations(schemas, row))
    places = [tuple(error.absolute_path) for error in errors]
    for error, place in zip(errors, places, strict=True):
        deeper = any(other != place and other[: len(place)] == place for other in places)
        if error.validator == "anyOf" and deeper:
            continue  # the deeper violation explains why no alternative fits
        for remark in _missing(error) if error.validator == "required" else [_wrong(error)]:
            found.setdefault(remark.path, remark)
    return sorted(found.values(), key=lambda remark: _order(row, remark.path))


def _order(row: Any, path: Path) -> list[int]:
    """Return a key that sorts paths by their position in the text of the row."""
    order = []
    for part in path:
        if isinstance(row, dict):
            order.append([*row].index(part) if part in row else -1)
            row = row.get(part)
        else:
            order.append(int(part))
            row = row[part]
    return order


def _missing(error: ValidationError) -> list[Remark]:
    path: Path = tuple(error.absolute_path)
    schema: Any = error.schema
    value: Any = error.instance
    absent = [name for name in schema["required"] if name not in value]
    return [_absent((*path, name), schema["properties"][name], value) for name in absent]


def _absent(path: Path, schema: Any, value: dict[str, Any]) -> Remark:
    other = next((name for name in schema.get("x-sftc", {}).get("also", ()) if name in value), None)
    help = f"`{other}` belongs to another format: write the row as `{_FORM}`" if other else None
    return Remark(ROW_SHAPE, f"`{dotted(path)}` is missing: expected {schema['title']}", path, help)


def _wrong(error: ValidationError) -> Remark:
    path: Path = tuple(error.absolute_path)
    value: Any = error.instance
    schema: Any = error.schema
    name = f"`{dotted(path)}`" if path else "the row"
    return Remark(ROW_SHAPE, f"{name} must be {schema['title']}, not {_given(value)}", path)


def _given(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        return "a blank string"
    if value == []:
        return "an empty list"
    if isinstance(value, dict):
        names = ", ".join(f"`{name[:40]}`{_state(each)}" for name, each in [*value.items()][:5])
        return f"an object with {names}" if value else "an empty object"
    return _KINDS[type(value)]


def _state(value: Any) -> str:
    """Return a note about a value that is present but counts as missing."""
    if value is None:
        return " (null)"
    if isinstance(value, str) and not value.strip():
        return " (blank)"
    return " (empty)" if value in ({}, []) else ""
