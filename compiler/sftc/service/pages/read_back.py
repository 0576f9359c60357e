"""A payload read backwards: each of its values, with the key of a config that it comes from.

The mapping table says which key it is. In which line it was written, or whether the config left it to a
default, is known only if the job came with its config; see `config_view`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from sftc.contract.mapping_table import MappingRow
from sftc.contract.versions import PACKAGED
from sftc.text.keys import Path, dotted, pointer

_SAME: Final = {"copy", "default", "when-present", "verbatim"}
"""The operations that send the value of a key as it is."""

_MAY_BE_DEFAULT: Final = {"default", "when-present"}


class SentValue(NamedTuple):
    """A value of a payload.

    Attributes:
        at: its JSON pointer.
        value: the value, as JSON.
        section: the section of the config that its key is in; empty without a key.
        key: the key, and what the config has for it if the value was sent as it is.
        origin: where it comes from.
        why: the reason for it that the mapping table gives.
        found: what the job has reported about the key.
    """

    at: str
    value: str
    section: str
    key: str
    origin: str
    why: str
    found: tuple[str, ...] = ()


def sent_values(payload: Mapping[str, Any], reported: Iterable[str]) -> list[tuple[str, list[SentValue]]]:
    """Return the values of a payload by section of the config, those without a key last.

    `reported` is what the job has reported; a key is named in it between backticks.
    """
    rows = PACKAGED.of_payload(payload).mapping.rows
    said = [*reported]
    values = [_sent_value(rows, at, value, said) for at, value in _values(payload)]
    values.sort(key=lambda each: (not each.section, each.section))
    return [(section, [*group]) for section, group in groupby(values, lambda each: each.section)]


def _values(value: Any, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield all values that are not objects, or empty ones, with their path. A list is one value."""
    if not isinstance(value, dict) or not value:
        yield at, value
        return
    for name, child in value.items():
        yield from _values(child, (*at, name))


def _sent_value(rows: Sequence[MappingRow], at: Path, value: Any, said: Sequence[str]) -> SentValue:
    text = json.dumps(value, ensure_ascii=False)
    near = [row for row in rows if at[: len(row.to)] == row.to]
    keyed = [row for row in near if row.reads]
    if keyed:
        row = max(keyed, key=lambda row: len(row.to))
        path = (*row.reads[0], *at[len(row.to) :])
        origin = "config, or the default" if row.op in _MAY_BE_DEFAULT else "config"
        section, name = (path[:-1], path[-1:]) if len(path) > 1 else (path, ())  # a section that is empty
        key = dotted(name) + f" = {text}" * bool(name and row.op in _SAME)
        found = tuple(each for each in said if f"`{dotted(path)}`" in each)
        return SentValue(pointer(at), text, dotted(section), key, origin, row.why, found)
    if any(row.value == value for row in near):
        return SentValue(pointer(at), text, "", "", "compiler", near[0].why)
    return SentValue(pointer(at), text, "", "", "submission", near[0].why if near else "")
