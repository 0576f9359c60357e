"""The account of an import: what became of each key of the other config, and what it leaves out."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import orjson

from sftc.contract.import_table import ImportLoss, OwnRow, shape
from sftc.contract.inverse import KeyOrPointer, same
from sftc.contract.mapping_table import MappingRow
from sftc.contract.targets import RUN
from sftc.document.yaml_text import plain_value
from sftc.findings.finding import MOST_SHOWN, Finding
from sftc.findings.rule import Rule
from sftc.findings.stage_rules import imports as rules
from sftc.text.keys import ABSENT, Path, dotted, look_up
from sftc.text.secrets import masked
from sftc.text.source import Span
from sftc.text.suggest import near
from sftc.tools.import_source import source_keys
from sftc.tools.import_values import NewConfig

KeyFate = Literal["imported", "default", "no effect", "not imported", "unknown"]

_LOSSES: Final = {
    "error": rules.CANNOT_IMPORT,
    "warning": rules.NOT_IMPORTED,
    "note": rules.IMPORTED_DIFFERENTLY,
}
_SHOWN: Final = 60
_LONGEST: Final = 200
_NO_SETTING: Final = ImportLoss(
    (),
    None,
    "error",
    "sftc has no setting for it, so the imported run does without it",
    "remove the key, if that run is what you want",
)
_CONTRADICTION: Final = ImportLoss(
    (), None, "error", "other settings of the file contradict it", "make them agree"
)


class SourceKey(NamedTuple):
    """What became of one key of the other config.

    `to` are the keys that it decides, and `text` is what a table of all keys has about it.
    """

    path: Path
    fate: KeyFate
    to: tuple[Path, ...]
    text: str
    finding: Finding


class _Verdict(NamedTuple):
    """What becomes of a key, and `why`, in words that continue a sentence which begins with its name.

    `text` is that in a table, and `shown` is how a finding names the key; both have defaults.
    """

    fate: KeyFate
    rule: Rule
    why: str
    help: str | None = None
    to: tuple[KeyOrPointer, ...] = ()
    text: str = ""
    shown: str = ""


class Account:
    """The account of an import."""

    def __init__(self, new: NewConfig) -> None:
        self._new = new
        self._foreign = new.foreign
        self._table = new.foreign.table
        self._tables = new.tables
        self._unknowns = 0

    def keys(self) -> tuple[SourceKey, ...]:
        """Return what became of each key of the other config, in its order."""
        return tuple(map(self._key, source_keys(self._foreign.document.values)))

    def _key(self, path: Path) -> SourceKey:
        fate, rule, why, help, to, text, shown = self._verdict(path)
        message = f"{shown or f'`{source_name(path)}`'} {why}"
        found = rule.finding(self.span(path), message, path=path, help=help)
        return SourceKey(path, fate, to, masked(text or why), found)

    def _verdict(self, path: Path) -> _Verdict:
        """Return what becomes of the key at `path`."""
        foreign, to = self._foreign, self._foreign.current(path)
        if not self._table.knows(path):
            return self._unknown(path)
        if path in foreign.idle:
            return self._without_effect(foreign.idle[path])
        if to in foreign.own:
            return self._of_own_row(path, *foreign.own[to])
        pointer = next((at for at in self._tables.rows if foreign.pointer(to)[: len(at)] == at), None)
        if to in foreign.refused:
            is_item = pointer is not None and pointer != foreign.pointer(to)
            if pointer and not is_item and (wrong := self._wrong(path, pointer)):
                return wrong
            is_rest = is_item and bool(self._new.decided(foreign.inside(pointer or ())))
            return self._lost(path, foreign.refused[to], is_rest=is_rest)
        return self._unmapped(path, to) if pointer is None else self._mapped(path, to, pointer)

    def _mapped(self, path: Path, to: Path, pointer: KeyOrPointer) -> _Verdict:
        """Return what becomes of a key that a rule of the target's table writes."""
        foreign = self._foreign
        value, compiled = look_up(foreign.said, to), foreign.effective(to, self._new.compiled)
        if value is ABSENT:
            return self._default()
        is_whole = foreign.pointer(to) == pointer
        if same(value, compiled) or (is_whole and self._new.agrees(pointer, value, compiled)):
            return self._kept(to, pointer)
        return self._changed(path, to, pointer, compiled)

    def _unknown(self, path: Path) -> _Verdict:
        self._unknowns += 1  # to look for a name like it takes a millisecond, and a report shows no more
        meant = self._like(path) if self._unknowns <= MOST_SHOWN else None
        help = f"did you mean `{meant}`?" if meant else "remove the key, or correct it"
        why = f"is not a key of {self._table.trainer}"
        return _Verdict("unknown", rules.UNKNOWN_SOURCE_KEY, why, help, text=help)

    def _like(self, path: Path) -> str | None:
        """Return a name that the trainer has in the same place, and that an unknown one probably means."""
        other = self._counterpart(str(path[0])) if len(path) == 1 else None
        keys = (*self._table.fields, *self._table.aliases)
        return other or near(str(path[-1]), {key[-1] for key in keys if key[:-1] == shape(path)[:-1]})

    def _counterpart(self, name: str) -> str | None:
        """Return the trainer's name of a setting that other trainers, or sftc, call `name`."""
        names, target = self._new.language.names, self._foreign.target
        keys = [tuple(map(str, key)) for key in (*names.homes(name), *names.others(name))]
        places = [row.to for key in keys for row in target.read.get(key, ())]
        return next((to[-1] for to in places if self._foreign.is_in_file(to)), None)

    def _default(self, *, of_sftc: bool = False) -> _Verdict:
        why = "is so in every imported run" if of_sftc else f"is the default of {self._table.trainer}"
        return _Verdict("default", rules.EQUAL_TO_DEFAULT, why)

    def _kept(self, to: Path, pointer: tuple[str, ...]) -> _Verdict:
        """Return the account of a key whose value the new config compiles to."""
        by = self._foreign.inside(pointer)
        keys = self._new.decided(by)
        value, rows = look_up(self._foreign.said, to), self._tables.rows[pointer]
        is_part = any(row.op == "each" and to[-1] != row.options["as"] for row in rows)
        if not keys or value is None or is_part or not self._new.decides(pointer, value):
            return self._default(of_sftc=True)
        idle = self._table.idleness(to)
        if idle is not None and all(self._new.deciders(key) != [by] for key in keys):
            return self._without_effect(idle)
        return self._imported(keys)

    @cached_property
    def _set(self) -> dict[KeyOrPointer, str]:
        """The keys of the new config with their values, as text."""
        return {key: f"{dotted(key)} = {_toml(value)}" for key, value in self._new.values.items()}

    def _imported(self, keys: Sequence[KeyOrPointer], note: str = "") -> _Verdict:
        sets = [self._set[key] for key in keys]
        why = f"is now {' and '.join(f'`{each}`' for each in sets)}" + (f": {note}" if note else "")
        rule, text = rules.NOT_IMPORTED if note else rules.IMPORTED, ", ".join(sets)
        return _Verdict("imported", rule, why, to=tuple(keys), text=f"{text}; {note}" if note else text)

    def _of_own_row(self, path: Path, row: OwnRow, made: Any) -> _Verdict:
        now = look_up(self._new.state, row.to)
        if now is ABSENT or not (same(now, made) or (row.adds and made in now)):
            return self._lost(path, self._table.loss(path) or _CONTRADICTION)
        keys = self._new.decided(path)
        return self._imported(keys, row.note) if keys else self._default(of_sftc=True)

    def _unmapped(self, path: Path, to: Path) -> _Verdict:
        """Return what becomes of a key that no rule of the target's table writes."""
        value, default = look_up(self._foreign.said, to), self._table.default(to)
        if value is ABSENT or same(value, default) or (not value and default is None):
            return self._default()
        idle, loss = self._table.idleness(to), self._table.loss(to)
        if idle is not None and not (loss and len(loss.path) > 1):
            return self._without_effect(idle)
        return self._lost(path, loss or _NO_SETTING)

    def _changed(self, path: Path, to: Path, pointer: KeyOrPointer, compiled: Any) -> _Verdict:
        """Return what becomes of a key whose value the new config does not compile to."""
        loss, idle = self._table.loss(to), self._table.idleness(to)
        if not self._is_in_use(pointer):
            return self._without_effect("with the other settings of the file, it decides nothing")
        wrong = self._wrong(path, pointer)
        is_about_type = wrong is not None and loss is not None and loss.takes is not None
        if loss and not is_about_type:  # what a loss takes is about values of the right type
            return self._lost(path, loss)
        if idle is not None:
            return self._without_effect(idle)
        if wrong:
            return wrong
        shown = "leaves it out" if compiled in (ABSENT, None) else f"has {_toml(compiled)}"
        why = f"sftc has no such value; the imported run {shown}"
        return self._lost(path, ImportLoss((), None, "error", why, "set a value that sftc has"))

    def _wrong(self, path: Path, pointer: KeyOrPointer) -> _Verdict | None:
        """Return what becomes of a key whose value is of a type that the trainer does not take either."""
        rows, value = self._tables.rows[pointer], look_up(self._foreign.said, self._foreign.inside(pointer))
        expected = {kind for row in rows for kind in self._kinds(row)}
        if _kind(value) in expected or any(row.op == "each" for row in rows):
            return None
        why = f"must be {' or '.join(sorted(expected))}, not `{self._snippet(path)}`"
        return _Verdict("not imported", rules.WRONG_VALUE, why, "correct the value")

    def _is_in_use(self, pointer: KeyOrPointer) -> bool:
        """Return whether the new run has what is at a pointer, or lacks it only because of another loss."""
        rows, state = self._tables.rows[pointer], self._new.state
        by = self._foreign.inside(pointer)
        if any(key[: len(by)] == by for key in self._foreign.refused):
            return True
        read = {row.path: self._tables.run_rows.get(row.path, ()) for row in rows}
        off = {path for path, settings in read.items() if settings and not _any_applies(settings, state)}
        if _any_applies([row for row in rows if row.path not in off], state):
            return True
        return any(map(self._is_lost, self._settings(rows)))

    def _settings(self, rows: Sequence[MappingRow]) -> set[KeyOrPointer]:
        """Return the settings of the run that rules depend on, beside those that they read."""
        found: set[KeyOrPointer] = set()
        left = [path for row in rows for path in (row.path, *row.asks)]
        while left:
            path = left.pop()
            if path[:1] == (RUN,) and path not in found:
                found.add(path)
                left += [each for row in self._tables.run_rows[path] for each in (row.path, *row.asks)]
        return found - {row.path for row in rows}

    def _is_lost(self, setting: KeyOrPointer) -> bool:
        """Return whether the other config has another value of a setting of the run than the new one."""
        foreign = self._foreign
        for to, rows in self._tables.rows.items():
            if foreign.is_in_file(to) and any(row.path == setting for row in rows):
                path = foreign.inside(to)
                meant = foreign.effective(path, foreign.said)
                if not same(meant, foreign.effective(path, self._new.compiled)):
                    return True
        return False

    def _kinds(self, row: MappingRow) -> Iterator[str]:
        """Yield the kinds of values that a rule makes."""
        if row.op in {"constant", "choose"}:
            made = [row.value] if row.op == "constant" else row.values.values()
            yield from (_kind(each) for each in made)
        elif row.path[:1] == (RUN,):
            for each in self._tables.run_rows[row.path]:
                yield from self._kinds(each)
        elif row.path:
            types = self._new.language.properties[row.path].get("type", ())
            yield from (_KINDS[name] for name in ([types] if isinstance(types, str) else types))
        if row.op in {"list", "each", "join"}:
            yield from ("text", "a list")

    def _lost(self, path: Path, loss: ImportLoss, *, is_rest: bool = False) -> _Verdict:
        """Return the account of a key that is not imported; `is_rest` if other items of its list are."""
        why, severity = loss.why, loss.severity
        if is_rest:
            why, severity = f"{why}; the imported run does without it", "error"
        said = why if severity == "note" else f"is not imported: {why}"
        name = f"`{source_name(path)}: {self._snippet(path)}`" + (":" if severity == "note" else "")
        return _Verdict("not imported", _LOSSES[severity], said, loss.instead or None, text=why, shown=name)

    def _without_effect(self, why: str) -> _Verdict:
        said = f"has no effect on what is trained: {why}"
        return _Verdict("no effect", rules.WITHOUT_EFFECT, said, text=why)

    def span(self, path: Path) -> Span:
        """Return the span of a key of the document, or of the nearest table around it."""
        place = self._foreign.document.places.get(path)
        return place.key if place else self.span(path[:-1])

    def _snippet(self, path: Path) -> str:
        text = " ".join(self._foreign.document.places[path].value.text.split())
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

    def left_out(self, keys: Sequence[SourceKey]) -> Iterator[Finding]:
        """Yield the findings about what the file leaves out, without the reasons that `keys` have already."""
        lost = [self._foreign.current(each.path) for each in keys if each.fate == "not imported"]
        told = {loss.why for path in lost if (loss := self._table.loss(path))}
        start = self._foreign.document.source.span(0, 0)
        trainer = self._table.trainer
        for each in self._table.open:
            if each.path not in self._new.values and each.applies(self._foreign.said):
                about = f"`{dotted(each.path)}` is not in the file: " if each.path else ""
                message = f"{about}{each.why.rstrip('.')}"
                yield _LOSSES[each.severity].finding(start, message, path=each.path, help=each.instead)
        for key, path in self.defaults_written().items():
            said = f"`{self._set[key]}` was added"
            message = f"{said}: it is the default of {trainer}, and the file leaves out `{source_name(path)}`"
            yield rules.DEFAULT_WRITTEN.finding(start, message, path=key)
        for to in self._tables.rows:
            path = self._foreign.inside(to)
            if not self._foreign.is_in_file(to) or look_up(self._foreign.said, path) is not ABSENT:
                continue
            meant = self._foreign.effective(path, self._foreign.said)
            compiled = look_up(self._new.payload, to)
            if meant in (ABSENT, None) or compiled is ABSENT or same(meant, compiled):
                continue
            loss = self._table.loss(path)
            if loss.why in told if loss else self._table.idleness(path) is not None:
                continue
            rule = _LOSSES[loss.severity] if loss else rules.CANNOT_IMPORT
            differs = f"{trainer} has {_toml(meant)} then, and the imported run {_toml(compiled)}"
            why, help = (loss.why, loss.instead or None) if loss else (differs, None)
            yield rule.finding(start, f"the file leaves out `{source_name(path)}`: {why}", help=help)

    def defaults_written(self) -> dict[KeyOrPointer, Path]:
        """Return the keys that were written for what the file leaves out, each with what that is."""
        added = {key: self._new.deciders(key) for key in self._new.values if key not in self._new.given}
        said = {path[:depth] for path in self._foreign.places for depth in range(1, len(path) + 1)}
        return {key: by[0] for key, by in added.items() if by and not said.intersection(by)}


_KINDS: Final = {
    "integer": "a number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a table",
}


def _any_applies(rows: Sequence[MappingRow], state: Mapping[str, Any]) -> bool:
    return any(row.applies(state) for row in rows)


def _kind(value: Any) -> str:
    plain = plain_value(value) if isinstance(value, str) else value
    if isinstance(value, bool):
        return "true or false"
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        return "a number"
    if value is None:
        return "null"
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a table"


def source_name(path: Path) -> str:
    """Return a key as a person writes it about YAML: `datasets[0].path`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _toml(value: Any) -> str:
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
