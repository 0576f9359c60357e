"""The slots of a `service.toml`: those that a request uses must have been filled when it is sent."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sftc.text.keys import Path

_SLOT: Final = re.compile(r"\{(\w*)\}")

_FILE: Final = frozenset({"name", "sha256", "digest", "length", "rows"})
_JOB: Final = frozenset({"key", "order"})

_KNOWN: Final[Mapping[Path, frozenset[str]]] = {
    ("address", "base"): frozenset(),
    ("bind",): frozenset({"file"}),
    ("file", "chosen"): _FILE,
    ("file", "read"): frozenset({"file"}),
    ("file", "find"): _FILE,
    ("job", "chosen"): _JOB,
    ("job", "find"): frozenset(),
    ("job", "list"): frozenset(),
    ("job", "start"): frozenset({"job"}),
    ("job", "read"): frozenset({"job"}),
    ("job", "cancel"): frozenset({"job"}),
    ("events",): frozenset({"job", "seq", "limit"}),
    ("metrics",): frozenset({"job", "step", "before", "limit"}),
    ("price",): frozenset(),
}
"""The slots that are filled in each part of the table, besides those of the address."""


def slot_faults(values: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with the slots of a `service.toml` that fits its schema, and where."""
    parts = frozenset(values["address"].get("parts", ()))
    for path, known in _KNOWN.items():
        yield from _unknown(_at(values, path), path, known | parts)
    job, file, limits = values["job"], values["file"], values.get("limits", {})
    chosen = frozenset({"job"}) if "chosen" in job else frozenset()
    yield from _unknown(job["create"], ("job", "create"), _JOB | parts | chosen)
    yield from _unknown(
        {name: limits.get(name) for name in ("path", "query")},
        ("limits",),
        parts | limits.get("values", {}).keys(),
    )
    filled = _FILE | parts | (frozenset({"file"}) if "chosen" in file else frozenset())
    for index, call in enumerate(file["upload"]):
        path = ("file", "upload", index)
        yield from _unknown(call, path, filled)
        filled |= call.get("finds", {}).keys()
    if not any("part" in call or call["path"] == "{url}" for call in file["upload"]):
        yield ("file", "upload"), "no request has the data file: one needs `part`, or the path `{url}`"


def _at(values: Mapping[str, Any], path: Path) -> Any:
    found: Any = values
    for part in path:
        found = found.get(part, {})
    return found


def _unknown(value: Any, path: Path, known: frozenset[str]) -> Iterator[tuple[Path, str]]:
    """Yield the slots in the texts of `value` that are not `known`."""
    if isinstance(value, str):
        for slot in _SLOT.findall(value):
            if slot not in known:
                has = ", ".join(f"`{{{each}}}`" for each in sorted(known)) or "none"
                yield path, f"`{{{slot}}}` has no value here; the slots that have one: {has}"
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _unknown(name, (*path, name), known)
            yield from _unknown(each, (*path, name), known)
