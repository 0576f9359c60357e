"""The settings of a payload, by the names that the newest config has for them; every read is recorded."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sftc.contract.json_types import json_text
from sftc.contract.versions import SELECTOR, Contracts
from sftc.text.keys import ABSENT, Path, dotted, look_up, pointer, split

NOTES: Final = ("data.topology",)
"""Keys that the contract documents as notes. They are in the payload but do not affect the run."""

_BOUND: Final = (
    ("training_type",),
    ("training_file_id",),
    ("metadata", SELECTOR),
    ("metadata", "effective_config", "data", "validation_files"),
)
"""Payload locations that the service reads: the kind of job, its files and its version."""


class PayloadSettings:
    """The settings of a payload of any version, in the terms of the newest.

    `settings["hyperparameters.n_epochs"]` returns the value, or `None` if the payload does not set
    it. `unread()` lists the settings that the payload has and nothing has read.

    Args:
        payload: a bound payload.
        contract: the contract version of the payload.
    """

    def __init__(self, payload: Mapping[str, Any], contracts: Contracts) -> None:
        contract = contracts.of_payload(payload)
        self._payload = payload
        self._mapping = contract.mapping
        self._properties = contracts.newest.properties
        self._values = self._config()
        self._current = contracts.upgraded(self._values, contract.version)
        self._read: set[Path] = {*_BOUND}
        for key in NOTES:
            self[key]

    def __getitem__(self, key: str) -> Any:
        """Return a setting, and record that it was read.

        Raises:
            KeyError: the newest contract does not have `key`.
        """
        path = split(key)
        self._properties[path]
        for place in self._current.places.get(path, (path,)):
            self._read.update(self._mapping.pointers(place))
        value = look_up(self._current.values, path)
        return None if value is ABSENT else value

    def effective(self, key: str) -> Any:
        """Return a setting, or the default that the newest contract gives for it; record that it was read."""
        value = self[key]
        return self._properties[split(key)].get("default") if value is None else value

    def key(self, key: str) -> str:
        """Return the name of the key that decides a setting in the version of the payload."""
        return dotted(self._current.place(split(key)))

    @property
    def conflicts(self) -> list[tuple[Path, Any]]:
        """The words that do not agree with the key that decides, each with the word."""
        return [(path, look_up(self._values, path)) for path in self._current.conflicts]

    def unread(self) -> list[str]:
        """Return the config keys of all payload values that nothing has read."""
        return [self._key(at) for at in _values(self._payload) if not self._is_read(at)]

    def _config(self) -> dict[str, Any]:
        """Return the values of a config that has this payload."""
        values: dict[str, Any] = {}
        for row in self._mapping.rows:
            value = look_up(self._payload, row.to)
            if not row.path or row.values or value is ABSENT:
                continue
            table = values
            for part in row.path[:-1]:
                table = table.setdefault(part, {})
            table[row.path[-1]] = value
        return values

    def _is_read(self, at: Path) -> bool:
        return any(at[: len(read)] == read for read in self._read) and self._is_chosen(at)

    def _is_chosen(self, at: Path) -> bool:
        """Return whether the value at `at` is what the table chooses for its key, if it chooses one."""
        for row in self._mapping.rows:
            if row.values and row.to == at:
                value = look_up(self._values, row.path)
                return bool(row.values.get(json_text(value), ABSENT) == look_up(self._payload, at))
        return True

    def _key(self, at: Path) -> str:
        """Return the config key for the payload pointer `at`, or the pointer itself if it has none."""
        for row in self._mapping.rows:
            if row.path and not row.values and at[: len(row.to)] == row.to:
                return dotted((*row.path, *at[len(row.to) :]))
        return pointer(at)


def _values(table: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value in `table` that is not a table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _values(value, (*path, name))
        else:
            yield (*path, name)
