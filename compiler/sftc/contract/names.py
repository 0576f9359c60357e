"""The names that people write for the keys of a contract: in other spellings, places and words."""

from collections.abc import Mapping

from sftc.contract.schemas import Schema
from sftc.text.keys import Path


def plain(name: str) -> str:
    """Return `name` without what spellings differ in.

    >>> plain("per-device_Batch"), plain("perDeviceBatch")
    ('perdevicebatch', 'perdevicebatch')
    """
    return "".join(filter(str.isalnum, name.lower()))


def is_other_measure(schema: Schema, name: str, value: object) -> bool:
    """Return whether the value of `name`, another trainer's for the key of `schema`, is in another measure.

    That is so of the names in `hint`, and of integers with the names in `counts`, such as steps for a share.
    """
    words = schema.get("x-sftc", {})
    hint, counts = words.get("hint"), words.get("counts", ())
    names = [*(hint if isinstance(hint, list) else ()), *(counts if type(value) is int else ())]
    return plain(name) in map(plain, names)


class Names:
    """The keys and tables of a contract by their names, and by those that other trainers have for them.

    Legacy keys are in `legacy_in_table` only. Tables and other keys are looked up apart: `dataset`
    may be both.
    """

    def __init__(self, properties: Mapping[Path, Schema]) -> None:
        self._homes: dict[tuple[str, bool], list[Path]] = {}
        self._others: dict[tuple[str, bool], list[Path]] = {}
        self._tables: dict[Path, list[str]] = {}
        self._legacy: dict[Path, list[str]] = {}
        for path, schema in properties.items():
            if schema.get("deprecated"):
                self._legacy.setdefault(path[:-1], []).append(str(path[-1]))
                continue
            is_table, name = "properties" in schema or schema.get("type") == "object", str(path[-1])
            self._homes.setdefault((plain(name), is_table), []).append(path)
            for other in {plain(each) for each in schema.get("x-sftc", {}).get("also", ())}:
                self._others.setdefault((other, is_table), []).append(path)
            self._tables.setdefault(path[:-1], []).append(name)
        self._plain = frozenset(name for name, _ in (*self._homes, *self._others))

    def knows(self, name: str) -> bool:
        """Return whether any key is called `name`, however it is spelled, here or by another trainer."""
        return plain(name) in self._plain

    def in_table(self, table: Path) -> list[str]:
        """Return the names of the keys of `table`."""
        return self._tables.get(table, [])

    def legacy_in_table(self, table: Path) -> list[str]:
        """Return the names of the legacy keys of `table`."""
        return self._legacy.get(table, [])

    def all(self, *, tables: bool) -> list[str]:
        """Return the names of all tables, or of all other keys, in plain letters."""
        return [name for name, is_table in self._homes if is_table == tables]

    def homes(self, name: str, *, is_table: bool = False) -> list[Path]:
        """Return the keys that are called `name`, however it is spelled."""
        return self._homes.get((plain(name), is_table), [])

    def others(self, name: str, *, is_table: bool = False) -> list[Path]:
        """Return the keys that other trainers call `name`."""
        return self._others.get((plain(name), is_table), [])

    def meant(self, table: Path, name: str) -> Path | None:
        """Return the key of `table` that is called `name`, in another spelling or by another trainer."""
        found = [*self.homes(name), *self.others(name)]
        return next((path for path in found if path[:-1] == table), None)
