"""Read the settings of a payload by config key, and record which ones are read."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sftc.contract.versions import SELECTOR, Contract
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
    """The settings of a payload, by config key.

    `settings["hyperparameters.n_epochs"]` returns the value, or `None` if the payload does not set
    it. `unread()` lists the settings that the payload has and nothing has read.

    Args:
        payload: a bound payload.
        contract: the contract version of the payload.
    """

    def __init__(self, payload: Mapping[str, Any], contract: Contract) -> None:
        self._payload = payload
        self._mapping = contract.mapping
        self._read: set[Path] = {self._mapping.pointer(split(key)) for key in NOTES} | {*_BOUND}

    def __getitem__(self, key: str) -> Any:
        """Return a setting, and record that it was read.

        Raises:
            KeyError: the contract has no setting `key`.
        """
        at = self._mapping.pointer(split(key))
        self._read.add(at)
        value = look_up(self._payload, at)
        return None if value is ABSENT else value

    def unread(self) -> list[str]:
        """Return the config keys of all payload values that nothing has read."""
        return [self._key(at) for at in _values(self._payload) if not self._is_read(at)]

    def _is_read(self, at: Path) -> bool:
        return any(at[: len(read)] == read for read in self._read)

    def _key(self, at: Path) -> str:
        """Return the config key for the payload pointer `at`, or the pointer itself if it has none."""
        for row in self._mapping.rows:
            if row.path and at[: len(row.to)] == row.to:
                return dotted((*row.path, *at[len(row.to) :]))
        return pointer(at)


def _values(table: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value in `table` that is not a table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _values(value, (*path, name))
        else:
            yield (*path, name)
