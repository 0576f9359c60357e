"""Explanations of rows that do not fit the row schema."""

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
    """Return what is wrong with the form of `row`, a parsed JSON value, by the schema of rows."""
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
    """Return a key that sorts paths in the order of the text of the row."""
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
    help = f"`{other}` is the name in another format: write `{_FORM}`" if other else None
    return Remark(ROW_SHAPE, f"`{dotted(path)}` is missing: expected {schema['title']}", path, help)


def _wrong(error: ValidationError) -> Remark:
    path: Path = tuple(error.absolute_path)
    value: Any = error.instance
    schema: Any = error.schema
    name = f"`{dotted(path)}`" if path else "the row"
    return Remark(ROW_SHAPE, f"{name} must be {schema['title']}, not {_given(value)}", path)


def _given(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        return "a blank one"
    if value == []:
        return "an empty list"
    if isinstance(value, dict):
        nulls = {name for name, each in value.items() if each is None}
        names = ", ".join(f"`{name[:40]}`{' (null)' * (name in nulls)}" for name in [*value][:5])
        return f"an object with {names}" if value else "an empty object"
    return _KINDS[type(value)]
