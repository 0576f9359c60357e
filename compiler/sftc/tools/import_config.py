"""The config of another trainer as a config of the newest version, with an account of each of its keys.

The mapping table of the trainer's target is read backwards, and the result is compiled for that target again:
a key was imported if the compiled config has the value that it had.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from sftc.contract.import_table import ImportTable, Label, Loss, OwnRow, covers, load_import_table
from sftc.contract.inverse import Backwards, Inverse, Wanted, nested, same
from sftc.contract.json_types import json_text
from sftc.contract.mapping_table import MappingRow
from sftc.contract.targets import RUN, Target
from sftc.contract.versions import SELECTOR, Contracts
from sftc.document.yaml_text import YamlComment, YamlDocument, parse_yaml
from sftc.findings.finding import Finding, in_order
from sftc.findings.rule import Rule
from sftc.findings.stage_rules import imports as rules
from sftc.payload.mapping import to_payload
from sftc.pipeline import examine
from sftc.text.keys import ABSENT, Path, dotted, look_up
from sftc.text.source import Source, Span
from sftc.text.suggest import near
from sftc.tools.config_text import LineComments, comment_line, config_lines

Fate = Literal["imported", "default", "no effect", "not imported", "unknown"]
ReadBeside = Callable[[str], "Any"]
"""Returns the values of a JSON file that a config names, `None` if it is not there."""

_LOSSES: Final = {
    "error": rules.CANNOT_IMPORT,
    "warning": rules.NOT_IMPORTED,
    "note": rules.IMPORTED_DIFFERENTLY,
}
_SHOWN: Final = 60


class SourceKey(NamedTuple):
    """What became of one key of the config that was imported; `to` are the keys that it decides."""

    path: Path
    fate: Fate
    to: tuple[Path, ...]
    finding: Finding


class ImportedConfig(NamedTuple):
    """The text of the new config, `None` if there is none, and the account of all keys in their order.

    `findings` are those about the keys, and those about the file.
    """

    trainer: str
    text: str | None
    keys: tuple[SourceKey, ...]
    findings: tuple[Finding, ...]


def importable(contracts: Contracts) -> dict[str, ImportTable]:
    """Return the tables of the trainers whose configs can be imported, by the names of their targets."""
    tables = {name: load_import_table(contracts.read, name) for name in contracts.target_names}
    return {name: table for name, table in tables.items() if table}


def import_config(source: Source, trainer: str | None, contracts: Contracts, beside: ReadBeside) -> ImportedConfig:
    """Return the config of another trainer as one of the newest version.

    Args:
        source: the YAML text.
        trainer: the name of the trainer's target, `None` to find it out.
        contracts: the versions of the language.
        beside: reads a file that the config names.

    Raises:
        ConfigError: `source` is not YAML; see `parse_yaml`.
    """
    document = parse_yaml(source)
    tables = importable(contracts)
    about: list[Finding] = []
    if trainer is None:
        trainer, found = _detect(document, tables)
        about.append(found)
        if trainer is None:
            return ImportedConfig("", None, (), tuple(about))
    return _Import(document, trainer, tables[trainer], contracts, beside).result(about)


def _detect(document: YamlDocument, tables: Mapping[str, ImportTable]) -> tuple[str | None, Finding]:
    """Return the trainer that knows most of the keys, and the finding that says so, or why there is none."""
    names = [name for name in document.values]
    known = {trainer: {name for name in names if table.knows((name,))} for trainer, table in tables.items()}
    most = max(map(len, known.values()))
    best = [trainer for trainer, found in known.items() if len(found) == most]
    span = document.source.span(0, 0)
    if not most or len(best) > 1:
        among = ", ".join(f"`{each}`" for each in (best if most else tables))
        message = (
            f"the keys fit several trainers equally well: {among}"
            if most
            else f"no trainer is known that has these keys; known are {among}"
        )
        help = f"name the trainer: `--from {best[0] if most else next(iter(tables))}`"
        return None, rules.UNKNOWN_TRAINER.finding(span, message, help=help)
    [trainer] = best
    others = set[str]().union(*(found for name, found in known.items() if name != trainer))
    own = [f"`{name}`" for name in names if name in known[trainer] - others]
    deciding = own or [f"`{name}`" for name in names if name in known[trainer]]
    listed = ", ".join(deciding[:5]) + (f" and {len(deciding) - 5} more" if len(deciding) > 5 else "")
    message = f"the config is read as one of {tables[trainer].trainer}, because of {listed}"
    return trainer, rules.TRAINER_DETECTED.finding(span, message)


class _Import:
    """One import: what the config says in the terms of the target, what that becomes, and what is left."""

    def __init__(
        self,
        document: YamlDocument,
        trainer: str,
        table: ImportTable,
        contracts: Contracts,
        beside: ReadBeside,
    ) -> None:
        self._document = document
        self._trainer = trainer
        self._table = table
        self._contracts = contracts
        self._language = contracts.newest
        self._target: Target = contracts.target(trainer)
        self._tables = Backwards(self._target, self._language)
        self._at = self._target.facts.files[0].at
        self._places: dict[Path, Path] = {}  # of keys in the terms of the target: where the config has them
        self._idle: dict[Path, str] = {}
        self._refused: dict[Path, Loss] = {}
        self._own: dict[Path, tuple[OwnRow, Any]] = {}
        self._said = self._named(document.values)
        self._files = self._labelled(beside)
        self._settle()

    # What the config says, in the terms of the target.

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the known keys under their current names."""
        said: dict[str, Any] = {}
        for path in _leaves(values):
            if not self._table.knows(path):
                continue
            alias = self._table.aliases.get(path)  # type: ignore[arg-type]  # of an item there is none
            to: Path = alias.to if alias else path
            if alias and look_up(values, to) is not ABSENT:
                self._idle[path] = f"`{dotted(to)}` is set as well, and decides"
                continue
            self._places[to] = path
            value = look_up(values, path)
            if value is not None or self._table.default(to) is not None:
                _put(said, to, value)
        return said

    def _labelled(self, beside: ReadBeside) -> dict[str, Any]:
        """Return the parts of the payload in other files, with the names that the target writes for them."""
        files: dict[str, Any] = {}
        for file in self._target.facts.files[1:]:
            [part] = file.at
            labels = [each for each in self._table.labels if each.table == file.at]
            for label in labels:
                folder = self._effective(label.folder, self._said)
                if isinstance(look_up(self._said, label.path), str) and isinstance(folder, str):
                    listed = beside(f"{folder}/{file.name}")
                    entries = self._entries(label, listed if isinstance(listed, dict) else {}, folder)
                    files.setdefault(part, {}).update(entries)
        return files

    def _entries(self, label: Label, listed: Mapping[str, Any], folder: str) -> dict[str, Any]:
        from posixpath import isabs, join, normpath

        names = [each.strip() for each in look_up(self._said, label.path).split(",") if each.strip()]
        if not names or not all(_has(listed.get(name), {**label.like, label.file: ABSENT}) for name in names):
            return {}
        ours = [label.name.replace("{number}", str(number)) for number in range(1, len(names) + 1)]
        found = {}
        for name, own in zip(names, ours, strict=True):
            file = listed[name][label.file]
            found[own] = {label.file: file if isabs(file) else normpath(join(folder, file))}
        _put(self._said, label.path, ",".join(ours))
        return found

    def _settle(self) -> None:
        """Apply what always is so, the forms of values, and take out what cannot be imported."""
        before = self._said
        for each in self._table.meant:
            if each.always and each.applies(before):
                if look_up(before, each.path) is not ABSENT and not same(look_up(before, each.path), each.value):
                    self._idle[self._places.get(each.path, each.path)] = each.why
                _put(self._said, each.path, each.result(before))
        for path in list(_leaves(self._said)):
            value = look_up(self._said, path)
            for form in self._table.forms:
                if covers(form.path, path, whole=True) and not isinstance(value, list | dict):
                    value = form.values.get(json_text(value), value)
            _put(self._said, path, value)
            row = next((each for each in self._table.own if covers(each.path, path, whole=True)), None)
            if row and (made := row.result(value)) is not ABSENT:
                self._own[path] = (row, made)
            loss = self._table.loss(path)
            if loss and path not in self._own and path in self._places and not self._is_default(path):
                if loss.refuses(value, look_up(self._said, path[:-1]), self._language.schemas):
                    self._refused[path] = loss

    def _is_default(self, path: Path) -> bool:
        return same(look_up(self._said, path), self._table.default(path))

    def _effective(self, path: Path, values: Mapping[str, Any]) -> Any:
        """Return what the trainer takes the key at `path` for: the value, or what it is without one."""
        value = look_up(values, path)
        default = self._table.default(path)
        if value is not ABSENT and not (value is None and default is None):
            return value
        for each in self._table.meant:
            if not each.always and covers(each.path, path, whole=True) and each.applies(values):
                made = each.result(values)
                if made is ABSENT and each.of:
                    of = self._table.default(each.of)
                    made = of * each.times if isinstance(of, int | float) and each.times != 1 else of
                return made
        return default

    # What that becomes.

    def _pointer(self, path: Path) -> Path:
        return (*self._at, *path)

    @cached_property
    def _wanted(self) -> list[Wanted]:
        wanted: list[Wanted] = []
        said = _without(self._said, self._refused)
        for to in self._tables.rows:
            if to[: len(self._at)] != self._at:
                value = look_up(self._files, to)
                by = next((each.path for each in self._table.labels if (*each.table, each.name) == to[:2]), None)
                by = by or next(each.path for each in self._table.labels if each.table == to[:1])
                wanted += [Wanted(to, value, by)] if value not in (ABSENT, {}) else []
                continue
            path = to[len(self._at) :]
            given = look_up(said, path)
            value = self._effective(path, said)
            if value is ABSENT or path in self._own:
                continue
            loss = self._table.loss(path)
            weak = self._table.idleness(path) is not None or (loss is not None and loss.severity != "error")
            is_given = given is not ABSENT and given is not None
            wanted.append(Wanted(to, value, path, is_given=is_given or given is None, weak=weak))
        added: dict[Path, list[Any]] = {}
        for path, (row, made) in self._own.items():
            if row.adds:
                added.setdefault(row.to, []).extend(made if isinstance(made, list) else [made])
            value = added[row.to] if row.adds else made
            wanted.append(Wanted(row.to, value, path, is_key=True))
        for row in self._table.own:
            if row.adds and row.to in added:
                wanted = [each._replace(value=added[row.to]) if each.to == row.to else each for each in wanted]
        return wanted

    @cached_property
    def _inverse(self) -> Inverse:
        return self._tables.invert(self._wanted)

    @cached_property
    def _given(self) -> set[Path]:
        """The keys that the config itself decides, and of which it gets what it says."""
        given: set[Path] = set(self._table.stated)
        run = self._tables.meaning(self._inverse.values)
        payload = to_payload(self._target.mapping, run)
        for each in self._wanted:
            made = look_up(run if each.is_key else payload, each.to)
            if each.is_given and same(made, each.value) and (each.is_key or self._decides(each.to, each.value)):
                given.update(self._inverse.decided.get(each.by, ()))
        return given

    def _decides(self, pointer: tuple[str, ...], value: Any) -> bool:
        """Return whether a value decides something: that a run is not in float16 leaves two precisions."""
        rows = [row for row in self._tables.rows.get(pointer, ()) if row.op == "choose"]
        is_one = all(len(self._tables.sources(row, [value]) or ()) <= 1 for row in rows)
        return is_one or not same(look_up(self._bare, pointer), value)

    @cached_property
    def _bare(self) -> dict[str, Any]:
        """What a config without a setting compiles to."""
        return self._payload_of({})

    @cached_property
    def _values(self) -> dict[Any, Any]:
        """The values of the new config: what the file says, and its trainer's defaults where they differ."""
        values = dict(self._inverse.values)
        payload = self._payload_of(values)
        for path in self._inverse.values:
            if path not in self._given:
                less = {key: value for key, value in values.items() if key != path}
                if self._payload_of(less) == payload:
                    values = less
        for path in self._table.stated:
            if path not in values:
                meant = look_up(self._tables.meaning(values), (RUN, path[-1]))
                values |= {path: meant} if meant is not ABSENT else {}
        order = {path: number for number, path in enumerate(self._language.properties)}
        return dict(sorted(values.items(), key=lambda each: order[each[0]]))

    def _payload_of(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        return to_payload(self._target.mapping, self._tables.meaning(values))

    @cached_property
    def _state(self) -> Mapping[str, Any]:
        return self._tables.meaning(self._values)

    @cached_property
    def _payload(self) -> dict[str, Any]:
        """What the new config compiles to."""
        return to_payload(self._target.mapping, self._state)

    @cached_property
    def _compiled(self) -> dict[str, Any]:
        """The part of it in the file that was imported."""
        part: Any = look_up(self._payload, self._at)
        return part if isinstance(part, dict) else {}

    # What became of each key.

    def result(self, about: list[Finding]) -> ImportedConfig:
        keys = tuple(map(self._account, _leaves(self._document.values)))
        findings = [*about, *(each.finding for each in keys), *self._left_out()]
        text = None
        if not any(found.id == rules.WRONG_VALUE.id for found in findings):
            text = self._text(keys)
            findings += self._faults(text)
            if any(found.id == rules.WRONG_VALUE.id for found in findings):
                text = None
        return ImportedConfig(self._trainer, text, keys, tuple(in_order(findings)))

    def _account(self, path: Path) -> SourceKey:
        name = f"`{_name(path)}`"
        if not self._table.knows(path):
            known = {key[-1] for key in (*self._table.fields, *self._table.aliases) if len(key) == len(path)}
            meant = near(str(path[-1]), known)
            help = f"did you mean `{meant}`?" if meant else "remove the key, or correct it"
            message = f"{name} is not a key of {self._table.trainer}"
            return self._key(path, "unknown", rules.UNKNOWN_SOURCE_KEY, message, help)
        if path in self._idle:
            return self._without_effect(path, self._idle[path])
        alias = self._table.aliases.get(path)  # type: ignore[arg-type]  # as above
        to: Path = alias.to if alias else path
        pointer = next((at for at in self._tables.rows if self._pointer(to)[: len(at)] == at), None)
        if to in self._refused:
            is_rest = pointer is not None and pointer[len(self._at) :] in self._inverse.decided
            return self._lost(path, self._refused[to], is_rest=is_rest)
        if to in self._own:
            return self._of_own_row(path, *self._own[to])
        value = look_up(self._said, to)
        if value is ABSENT:
            message = f"`{_name(path)}` is the default of {self._table.trainer}"
            return self._key(path, "default", rules.EQUAL_TO_DEFAULT, message)
        if pointer is None:
            return self._unmapped(path, to, value)
        compiled = self._effective(to, self._compiled)
        if same(value, compiled) or (value is None and self._table.default(to) is None):
            return self._kept(path, to, pointer[len(self._at) :])
        return self._changed(path, to, pointer, value, compiled)

    def _kept(self, path: Path, to: Path, pointer: tuple[str, ...]) -> SourceKey:
        """Return the account of a key whose value the new config compiles to."""
        at = (*self._at, *pointer)
        keys = tuple(key for key in self._inverse.decided.get(pointer, ()) if key in self._values)
        value, rows = look_up(self._said, to), self._tables.rows[at]
        is_part = any(row.op == "each" and to[-1] != row.options["as"] for row in rows)
        if keys and value is not None and not is_part and self._decides(at, value):
            idle = self._table.idleness(to)
            if idle is not None and all(self._is_decided_by_another(key, pointer) for key in keys):
                return self._without_effect(path, idle)
            return self._imported(path, keys)
        message = f"`{_name(path)}` is what every imported run has"
        return self._key(path, "default", rules.EQUAL_TO_DEFAULT, message)

    def _is_decided_by_another(self, key: Path, pointer: Path) -> bool:
        return any(key in keys and by != pointer for by, keys in self._inverse.decided.items())

    def _imported(self, path: Path, keys: Sequence[Path], note: str = "") -> SourceKey:
        sets = " and ".join(f"`{dotted(key)} = {_toml(self._values[key])}`" for key in keys)
        rule = rules.NOT_IMPORTED if note else rules.IMPORTED
        message = f"`{_name(path)}` is now {sets}" + (f": {note}" if note else "")
        return self._key(path, "imported", rule, message, to=tuple(keys))

    def _of_own_row(self, path: Path, row: OwnRow, made: Any) -> SourceKey:
        now = look_up(self._state, row.to)
        if now is ABSENT or not (same(now, made) or (row.adds and made in now)):
            loss = Loss(row.path, None, "error", "other settings of the file contradict it", "make them agree")
            return self._lost(path, self._table.loss(path) or loss)
        keys = tuple(key for key in self._inverse.decided.get(path, ()) if key in self._values)
        if keys:
            return self._imported(path, keys, row.note)
        return self._key(path, "default", rules.EQUAL_TO_DEFAULT, f"`{_name(path)}` is what every imported run has")

    def _unmapped(self, path: Path, to: Path, value: Any) -> SourceKey:
        default = self._table.default(to)
        if same(value, default) or (not value and default is None):
            message = f"`{_name(path)}` is the default of {self._table.trainer}"
            return self._key(path, "default", rules.EQUAL_TO_DEFAULT, message)
        idle, loss = self._table.idleness(to), self._table.loss(to)
        if idle is not None and not (loss and len(loss.path) > 1):
            return self._without_effect(path, idle)
        return self._lost(path, loss or self._unknown_loss(to))

    def _unknown_loss(self, to: Path) -> Loss:
        why = "sftc has no setting for it, so the imported run does without it"
        return Loss((), None, "error", why, "remove the key if the other run is the one that you want")

    def _changed(self, path: Path, to: Path, pointer: Any, value: Any, compiled: Any) -> SourceKey:
        """Return the account of a key whose value the new config does not compile to."""
        if loss := self._table.loss(to):
            return self._lost(path, loss)
        rows = self._tables.rows[pointer]
        if not any(map(self._is_in_use, rows)):
            return self._without_effect(path, "in a run with the other settings of this file, it decides nothing")
        if idle := self._table.idleness(to):
            return self._without_effect(path, idle)
        expected = {kind for row in rows for kind in self._kinds(row)}
        if expected and _kind(value) not in expected:
            wanted = " or ".join(sorted(expected))
            message = f"`{_name(path)}` must be {wanted}, not `{self._snippet(path)}`"
            return self._key(path, "not imported", rules.WRONG_VALUE, message, "correct the value")
        shown = "leaves it out" if compiled in (ABSENT, None) else f"has {_toml(compiled)}"
        why = f"sftc has no such value; the imported run {shown}"
        return self._lost(path, Loss((), None, "error", why, "set one of the values that sftc takes"))

    def _is_in_use(self, row: MappingRow) -> bool:
        """Return whether a rule applies to the new config, and what it reads is part of its run."""
        read_from_run = row.path[:1] == (RUN,)
        return row.applies(self._state) and not (read_from_run and look_up(self._state, row.path) is ABSENT)

    def _kinds(self, row: MappingRow) -> Iterator[str]:
        """Yield the kinds of values that a rule makes."""
        if row.op in {"constant", "choose"}:
            made = [row.value] if row.op == "constant" else row.values.values()
            yield from (_kind(each) for each in made)
        elif row.path[:1] == (RUN,):
            for each in self._tables.run_rows[row.path]:
                yield from self._kinds(each)
        elif row.path:
            types = self._language.properties[row.path].get("type", ())
            for each in [types] if isinstance(types, str) else types:
                yield _KINDS.get(each, each)
        if row.op in {"list", "each", "join"}:
            yield from ("text", "a list")

    def _lost(self, path: Path, loss: Loss, *, is_rest: bool = False) -> SourceKey:
        """Return the account of a key that is not imported; it is the `rest` if its list is, but for it."""
        if is_rest:
            loss = loss._replace(severity="error", why=f"{loss.why.rstrip('.')}; the imported run does without it")
        message = f"`{_name(path)}: {self._snippet(path)}` is not imported: {loss.why.rstrip('.')}"
        if loss.severity == "note":
            message = f"`{_name(path)}: {self._snippet(path)}`: {loss.why.rstrip('.')}"
        return self._key(path, "not imported", _LOSSES[loss.severity], message, loss.instead or None)

    def _without_effect(self, path: Path, why: str) -> SourceKey:
        message = f"`{_name(path)}` has no effect on what is trained: {why.rstrip('.')}"
        return self._key(path, "no effect", rules.WITHOUT_EFFECT, message)

    def _key(
        self,
        path: Path,
        fate: Fate,
        rule: Rule,
        message: str,
        help: str | None = None,
        to: tuple[Path, ...] = (),
    ) -> SourceKey:
        return SourceKey(path, fate, to, rule.finding(self._span(path), message, path=path, help=help))

    def _span(self, path: Path) -> Span:
        place = self._document.places.get(path)
        return place.key if place else self._span(path[:-1])

    def _snippet(self, path: Path) -> str:
        text = " ".join(self._document.places[path].value.text.split())
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

    # What the file leaves out.

    def _left_out(self) -> Iterator[Finding]:
        start = self._document.source.span(0, 0)
        trainer = self._table.trainer
        for each in self._table.open:
            if each.path not in self._values and each.applies(self._said):
                about = f"`{dotted(each.path)}` is not in the file: " if each.path else ""
                message = f"{about}{each.why.rstrip('.')}"
                yield _LOSSES[each.severity].finding(start, message, path=each.path, help=each.instead)
        for key, path in self._defaults_written().items():
            message = (
                f"`{dotted(key)} = {_toml(self._values[key])}` was added: the file leaves out `{_name(path)}`, "
                f"and this is what {trainer} has then"
            )
            yield rules.DEFAULT_WRITTEN.finding(start, message, path=key)
        for to in self._tables.rows:
            path = to[len(self._at) :]
            if to[: len(self._at)] != self._at or look_up(self._said, path) is not ABSENT:
                continue
            meant, compiled = self._effective(path, self._said), look_up(self._payload, to)
            if meant in (ABSENT, None) or compiled is ABSENT or same(meant, compiled):
                continue
            loss = self._table.loss(path)
            if loss is None and self._table.idleness(path) is not None:
                continue
            rule = _LOSSES[loss.severity] if loss else rules.CANNOT_IMPORT
            why = loss.why if loss else f"{trainer} has {_toml(meant)} then, and the imported run {_toml(compiled)}"
            message = f"the file leaves out `{_name(path)}`: {why.rstrip('.')}"
            yield rule.finding(start, message, help=(loss.instead if loss else "") or None)

    def _defaults_written(self) -> dict[Path, Path]:
        """Return the keys that were written for what the file leaves out, each with what that is."""
        by_key = {key: by for by, keys in self._inverse.decided.items() for key in keys if by not in self._places}
        return {key: by_key[key] for key in self._values if key not in self._given and key in by_key}

    def _faults(self, text: str) -> Iterator[Finding]:
        """Yield the errors that the new config has, on the keys of the file that they come from."""
        made_of = {key: path for path, keys in self._inverse.decided.items() for key in keys}
        findings, _ = examine(lambda: Source("<imported>", text), contracts=self._contracts)
        for found in findings:
            if found.is_error:
                path = self._places.get(made_of.get(found.path, ()), ())
                span = self._span(path) if path else self._document.source.span(0, 0)
                yield rules.WRONG_VALUE.finding(span, found.message, path=path, help=found.help)

    # The text.

    def _text(self, keys: Sequence[SourceKey]) -> str:
        top, before, behind, rest = self._comments(keys)
        added = self._defaults_written()

        def comments(path: Path) -> LineComments:
            said = behind.get(path, "")
            if path in added and not said:
                said = f"{self._table.trainer}'s default of {_name(added[path])}"
            return LineComments(before.get(path, ()), said)

        lines = [comment_line(each) for each in top]
        lines += [""] if top else []
        lines += [f"{SELECTOR} = {self._language.version}"]
        lines += config_lines(nested(self._values), comments)
        lines += ["", *map(comment_line, rest)] if rest else []
        return "\n".join(lines) + "\n"

    def _comments(
        self, keys: Sequence[SourceKey]
    ) -> tuple[list[str], dict[Path, list[str]], dict[Path, str], list[str]]:
        """Return the comments of the file: at its top, before keys, behind keys, and those that have no place."""
        homes = {each.path: each.to[0] for each in keys if each.to}
        top: list[str] = []
        before: dict[Path, list[str]] = {}
        behind: dict[Path, str] = {}
        rest: list[str] = []
        for each in self._document.comments:
            home = next((homes[path] for path in homes if each.path and path[: len(each.path)] == each.path), None)
            if each.is_top:
                top.append(each.text)
            elif home is None:
                rest.append(_with_key(each))
            elif each.is_own_line or home in behind:
                before.setdefault(home, []).append(each.text)
            else:
                behind[home] = each.text
        return top, before, behind, rest


_KINDS: Final = {
    "integer": "a number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a table",
}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if value is None:
        return "null"
    return "text" if isinstance(value, str) else "a list" if isinstance(value, list) else "a table"


def _with_key(comment: YamlComment) -> str:
    return f" {_name(comment.path)}: {comment.text.strip()}" if comment.path else comment.text


def _name(path: Path) -> str:
    """Return a key as a person writes it about YAML: `datasets[0].path`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _toml(value: Any) -> str:
    import orjson

    return orjson.dumps(value, default=str).decode()


def _leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every scalar, list of scalars, and empty table."""
    tables = isinstance(value, list) and any(isinstance(each, dict) for each in value)
    if not (isinstance(value, dict) and value) and not tables:
        if path:
            yield path
        return
    for part, child in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(child, (*path, part))


def _has(entry: Any, like: Any) -> bool:
    """Return whether `entry` has what `like` has; `ABSENT` in it stands for a text."""
    if isinstance(like, dict):
        return isinstance(entry, dict) and all(_has(entry.get(name), each) for name, each in like.items())
    return isinstance(entry, str) if like is ABSENT else bool(entry == like)


def _put(values: dict[str, Any], path: Path, value: Any) -> None:
    """Set the value at `path`; missing tables and items are made."""
    table: Any = values
    for part, below in zip(path, path[1:], strict=False):
        empty: Any = [] if isinstance(below, int) else {}
        if isinstance(part, int):
            while len(table) <= part:
                table.append(type(empty)())
            table = table[part]
        else:
            table = table.setdefault(part, empty)
    if isinstance(path[-1], int):
        while len(table) <= path[-1]:
            table.append({})
    table[path[-1]] = value


def _without(values: dict[str, Any], refused: Mapping[Path, Any]) -> dict[str, Any]:
    """Return `values` without the keys at some paths."""
    kept: dict[str, Any] = {}
    for path in _leaves(values):
        if path not in refused:
            _put(kept, path, look_up(values, path))
    return kept
