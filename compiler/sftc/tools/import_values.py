"""The values of a new config that means what the config of another trainer means."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sftc.contract.inverse import Backwards, Inverse, KeyOrPointer, Wanted, nested, same
from sftc.contract.targets import RUN
from sftc.contract.versions import Contract
from sftc.payload.mapping import to_payload
from sftc.text.keys import ABSENT, Path, look_up
from sftc.tools.import_source import ForeignConfig


class NewConfig:
    """What a config of another trainer becomes: its keys with their values, and what that compiles to."""

    def __init__(self, foreign: ForeignConfig, language: Contract) -> None:
        self.foreign = foreign
        self.language = language
        self.tables = Backwards(foreign.target, language)

    def decided(self, path: Path) -> tuple[KeyOrPointer, ...]:
        """Return the keys of the new config that a key of the other trainer decides, in its terms."""
        return tuple(key for key in self._inverse.decided.get(path, ()) if key in self.values)

    def deciders(self, key: KeyOrPointer) -> list[Path]:
        """Return the keys of the other trainer, in its terms, that decide a key of the new config."""
        return [path for path, keys in self._inverse.decided.items() if key in keys]

    @cached_property
    def wanted(self) -> list[Wanted]:
        """What the payload of the new config has to have."""
        return self.foreign.wanted(self.tables)

    @cached_property
    def _inverse(self) -> Inverse:
        return self.tables.invert(self.wanted)

    @cached_property
    def given(self) -> set[KeyOrPointer]:
        """The keys that the other config itself decides, and of which it gets what it says."""
        given = {*self.foreign.table.stated}
        run = self.tables.meaning(self._inverse.values)
        payload = to_payload(self.foreign.target.mapping, run)
        for each in self.wanted:
            made = look_up(run if each.is_key else payload, each.to)
            is_met = same(made, each.value) if each.is_key else self.agrees(each.to, made, each.value)
            if each.is_given and is_met and (each.is_key or self.decides(each.to, each.value)):
                given.update(self._inverse.decided.get(each.by, ()))
        return given

    def agrees(self, pointer: KeyOrPointer, one: Any, other: Any) -> bool:
        """Return whether two values at a pointer mean the same: lists may be written in several ways."""
        if same(one, other):
            return True
        rows = [row for row in self.tables.rows[pointer] if row.op in {"join", "each"}]
        made = [[self.tables.sources(row, [value]) for value in (one, other)] for row in rows]
        return any(each[0] is not None and each[0] == each[1] for each in made)

    def decides(self, pointer: KeyOrPointer, value: Any) -> bool:
        """Return whether a value decides something: that a run is not in float16 leaves two precisions."""
        rows = [row for row in self.tables.rows.get(pointer, ()) if row.op == "choose"]
        is_one = all(len(self.tables.sources(row, [value]) or ()) <= 1 for row in rows)
        return is_one or not same(look_up(self._bare, pointer), value)

    @cached_property
    def _bare(self) -> dict[str, Any]:
        """What a config without a setting compiles to."""
        return self._payload_of({})

    @cached_property
    def values(self) -> dict[KeyOrPointer, Any]:
        """The values by key: what the other config says, and its trainer's defaults where ours differ."""
        values = dict(self._inverse.values)
        payload = self._payload_of(values)
        for path in self._inverse.values:
            if path not in self.given:
                less = {key: value for key, value in values.items() if key != path}
                values = less if self._payload_of(less) == payload else values
        for path in self.foreign.table.stated:
            meant = look_up(self.tables.meaning(values), (RUN, path[-1]))
            values = {path: meant, **values} if meant is not ABSENT else values
        order = {path: number for number, path in enumerate(self.language.properties)}
        return dict(sorted(values.items(), key=lambda each: order[each[0]]))

    def as_tables(self) -> dict[str, Any]:
        """Return the values as tables."""
        return nested(self.values)

    def _payload_of(self, values: Mapping[KeyOrPointer, Any]) -> dict[str, Any]:
        return to_payload(self.foreign.target.mapping, self.tables.meaning(values))

    @cached_property
    def state(self) -> Mapping[str, Any]:
        """The values as tables, and the run that they mean."""
        return self.tables.meaning(self.values)

    @cached_property
    def payload(self) -> dict[str, Any]:
        """What the new config compiles to."""
        return to_payload(self.foreign.target.mapping, self.state)

    @cached_property
    def compiled(self) -> dict[str, Any]:
        """The part of it that is in the file that was imported."""
        part = look_up(self.payload, self.foreign.root)
        return part if isinstance(part, dict) else {}
