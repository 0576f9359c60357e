"""A config of an older version rewritten for the newest, step by step; comments and layout are kept."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from sftc.checks import rules
from sftc.checks.config import Config
from sftc.checks.rules.renamed import MIGRATE_BY_HAND
from sftc.contract.json_types import json_text
from sftc.contract.names import is_other_measure
from sftc.contract.upgrade import Choice, Move
from sftc.contract.versions import SELECTOR, Contract, Contracts
from sftc.document import edits
from sftc.document.toml import Document, parse
from sftc.findings.finding import Edit, Finding, Fix, Severity
from sftc.text.keys import ABSENT, Path, dotted
from sftc.text.source import Source, Span

_LARGEST_FIXED: Final = 1 << 16
"""The characters of a config for which a finding offers a migration."""


class MigrationNote(NamedTuple):
    """One change of a migration: where in the text before it, what it does, and why."""

    span: Span
    what: str
    why: str


class Migration(NamedTuple):
    """A migrated text and its changes, or the text as it was and the problems that are left to the person.

    `moved` has the place in the text before of each key that is elsewhere now.
    """

    source: Source
    changes: tuple[MigrationNote, ...]
    problems: tuple[Finding, ...]
    moved: Mapping[Path, Path]

    def written(self, path: Path) -> Path:
        """Return where the key at `path` of the migrated config was in the text before."""
        depths = (depth for depth in range(len(path), 0, -1) if path[:depth] in self.moved)
        depth = next(depths, 0)
        return (*self.moved.get(path[:depth], ()), *path[depth:])


def migration(source: Source, version: int, contracts: Contracts) -> Migration:
    """Return `source`, a config of `version` that is valid TOML, rewritten for the newest version.

    If anything is left to the person the text stays as it is: in a half-migrated config the same
    words could mean another run.
    """
    result = Migration(source, (), (), {})
    for number in contracts.versions:
        if number > version:
            step = _Step(result.source, contracts.version(number))
            step.take(contracts.version(number - 1))
            if step.problems:
                return Migration(source, (), tuple(step.problems), {})
            moved = {path: result.written(before) for path, before in step.moved.items()}
            changes = (*result.changes, *step.changes)
            result = Migration(step.document.source, changes, (), {**result.moved, **moved})
    return result._replace(changes=tuple(sorted(result.changes, key=lambda change: change.span.start)))


@lru_cache(maxsize=1)  # each newer key of a config has the same fix
def migration_fix(config: Config) -> Fix | None:
    """Return the fix that migrates the file that a config is in.

    `None` if anything is left to the person, or if there would be findings about what takes effect,
    and for a large file, which is read anew for each change.
    """
    source = config.document.source
    if len(source.text) > _LARGEST_FIXED:
        return None
    migrated = migration(source, config.contract.version, config.contracts)
    if migrated.problems or config.document.overrides or _brings_findings(config, migrated):
        return None
    before, after = source.text, migrated.source.text
    start = _shared(before, after)
    same = _shared(before[start:][::-1], after[start:][::-1])
    edit = Edit(source.span(start, len(before) - same), after[start : len(after) - same])
    return Fix(f"migrate to version {config.newest.version}", (edit,), safe=False)


def _brings_findings(config: Config, migrated: Migration) -> bool:
    after = Config(parse(migrated.source), config.newest, config.contracts)
    new = config.newest.properties.keys() - config.contract.properties.keys()
    checks = (check for family in rules.FAMILIES for check in family.CHECKS)
    findings = (found for check in checks for found in check(after))
    return any(found.path in new and found.severity is not Severity.NOTE for found in findings)


def _shared(one: str, other: str) -> int:
    """Return with how many characters both texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def replacement(document: Document, choice: Choice) -> Fix | None:
    """Return the fix that writes the new key of `choice` in place of the older one; `None` if it is set."""
    chosen = choice.values.get(json_text(document.get(choice.source)))
    renamed = edits.move(document, choice.source, choice.to, safe=True)
    if chosen is None or not renamed or document.get(choice.to) is not ABSENT:
        return None
    rewritten = edits.rewrite(document, choice.source, orjson.dumps(chosen).decode(), safe=True)
    return rewritten and rewritten._replace(edits=(*renamed.edits, *rewritten.edits))


class _Step:
    """The migration to `contract` from the version before it."""

    def __init__(self, source: Source, contract: Contract) -> None:
        self._before = parse(source)
        self._contract = contract
        self.document = self._before
        self.moved: dict[Path, Path] = {}
        self.changes: list[MigrationNote] = []
        self.problems: list[Finding] = []
        self._left: set[Path] = set()

    def take(self, older: Contract) -> None:
        self._report_new(older)
        upgrade = self._contract.upgrade
        for path, why in upgrade.removals:
            if self.document.get(path) is not ABSENT:
                fix = edits.remove(self.document, path, safe=True)
                self._apply(fix, path, f"`{dotted(path)}` is removed", why)
        for choice in upgrade.choices:
            self._choose(choice)
        for move in upgrade.moves:
            for path in move.sources:
                self._move(move, path)
            self._rename_inside(move)
        self._move_named(older)
        self._name_version(older)

    def _report_new(self, older: Contract) -> None:
        for path in self._contract.properties:
            is_new = path not in older.properties and (not path[:-1] or path[:-1] in older.properties)
            if is_new and self.document.get(path) is not ABSENT:
                what = f"`{dotted(path)}` takes effect"
                why = f"Version {older.version} did not know it."
                self.changes.append(MigrationNote(self._before.span(path, "key"), what, why))

    def _choose(self, choice: Choice) -> None:
        old, word = self.document.get(choice.source), self.document.get(choice.to)
        chosen = choice.absent if old is ABSENT else choice.values.get(json_text(old))
        wrong = [path for path in (choice.to, *choice.beside) if not self._agrees(choice, path, chosen)]
        if chosen is None or wrong:
            self._leave_words(choice, wrong or [choice.source], chosen)
            return
        if old is ABSENT and word is ABSENT:
            return
        text = orjson.dumps(chosen).decode()
        what = f"`{dotted(choice.to)} = {text}`"
        if word is not ABSENT:
            if word != chosen:
                fix = edits.rewrite(self.document, choice.to, text, safe=True)
                self._apply(fix, choice.to, what, choice.why)
            if old is not ABSENT:
                fix = edits.remove(self.document, choice.source, safe=True)
                self._apply(fix, choice.source, f"`{dotted(choice.source)}` is removed", choice.why)
            return
        fix = replacement(self.document, choice)
        self._apply(fix, choice.source, f"`{dotted(choice.source)}` is now {what}", choice.why)

    def _agrees(self, choice: Choice, path: Path, chosen: Any) -> bool:
        """Return whether the word at `path` agrees; one that the table does not know may only stay."""
        word = self.document.get(path)
        agreeing = choice.agreeing(word)
        return word is ABSENT or (path != choice.to if agreeing is None else chosen in agreeing)

    def _leave_words(self, choice: Choice, paths: Iterable[Path], chosen: Any) -> None:
        document, decider = self.document, dotted(choice.source)
        is_set = document.get(choice.source) is not ABSENT
        state = f"is {document.snippet(choice.source)}" if is_set else "is not set"
        for path in paths:
            written = f"`{dotted(path)}` is {document.snippet(path)}"
            message = f"{written}, but `{decider}` {state}, which means `{chosen}`"
            help = f"make the two agree, then migrate: only `{decider}` decided until now"
            if chosen is None:
                message = f"`{decider}` {state}, which is not one of its values"
                help = "correct it, then migrate"
            self.problems.append(MIGRATE_BY_HAND.finding(document.span(path), message, path=path, help=help))

    def _move(self, move: Move, path: Path) -> None:
        value, to = self.document.get(path), move.to
        is_table = "properties" in self._contract.properties[to]
        if value is ABSENT or isinstance(value, dict) != is_table:
            return
        if not is_table:
            self._move_key(path, to, move.why)
        elif self.document.get(to) is ABSENT and (fix := edits.move(self.document, path, to, safe=True)):
            self.moved[to] = path
            self._apply(fix, path, f"`[{dotted(path)}]` is now `[{dotted(to)}]`", move.why)
        else:
            for name in value:
                if meant := self._contract.names.meant(to, name):
                    self._move_key((*path, name), meant, move.why)
            self._remove_header(path)
        if path[:-1] and path[:-1] not in self._contract.properties:
            self._remove_header(path[:-1])

    def _remove_header(self, table: Path) -> None:
        if fix := edits.remove_header(self.document, table):
            self.document = self._edited(fix)

    def _move_named(self, older: Contract) -> None:
        """Move each key that only this version has a setting for, by the name that other trainers give it.

        Notes, and tables that are forwarded with any key, stay as they are.
        """
        why = f"Version {older.version} never sent it."
        closed = [
            table for table in older.sections if older.properties[table]["additionalProperties"] is False
        ]
        for table in [(), *closed]:
            values = self.document.get(table)
            for name in list(values) if isinstance(values, dict) else ():
                path = (*table, name)
                known = path in older.properties or path in self._contract.properties
                if known or isinstance(values[name], dict):
                    continue
                if not older.names.homes(name) and not older.names.others(name):
                    places = {*self._contract.names.homes(name), *self._contract.names.others(name)}
                    to = next(iter(places)) if len(places) == 1 else None
                    if to and self.document.get(to) != values[name]:  # else it is a name too many
                        self._move_key(path, to, why)

    def _rename_inside(self, move: Move) -> None:
        """Give the keys of a table that moved, or that was at its place before, the names that it knows."""
        table = self.document.get(move.to)
        for name in list(table) if isinstance(table, dict) else ():
            meant = self._contract.names.meant(move.to, name)
            if meant and meant[-1] != name and self.document.get(meant) != table[name]:
                self._move_key((*move.to, name), meant, move.why)

    def _move_key(self, path: Path, to: Path, why: str) -> None:
        """Move one key to `to`; a value that the contract does not allow there stays, as an unknown key."""
        document, written = self.document, self._written(path)
        value, taken = document.get(path), document.get(to)
        if to in self._contract.properties and not self._contract.allows(to, value):
            return
        if is_other_measure(self._contract.properties.get(to, {}), str(path[-1]), value):
            return
        what = f"`{dotted(written)}` is now `{dotted(to)}`"
        if taken is ABSENT:
            self.moved[to] = written
            self._apply(edits.move(document, path, to, safe=True), written, what, why)
        elif taken == value:
            self._apply(edits.remove(document, path, safe=True), written, what, why)
        else:
            one, other = (
                f"`{dotted(self._written(each))}` is {document.snippet(each)}" for each in (path, to)
            )
            message = f"{one}, but {other}: both are `{dotted(to)}` now"
            self._leave(written, message, "keep one of the two, then migrate")

    def _written(self, path: Path) -> Path:
        """Return where the key at `path` is in the text before this step."""
        return Migration(self.document.source, (), (), self.moved).written(path)

    def _name_version(self, older: Contract) -> None:
        number = str(self._contract.version)
        for path in [(*table, SELECTOR) for table in older.sections if table]:
            if (late := self.document.get(path)) is ABSENT:
                continue
            what = f"`{SELECTOR}` is inside `[{dotted(path[:-1])}]`, where it does not choose the version"
            if late == older.version:
                self._apply(edits.remove(self.document, path, safe=True), path, what, "It is at the top now.")
            else:
                help = "move it to the top of the file, above every table, or remove it; then migrate"
                self._leave(path, what, help)
        if self.document.get((SELECTOR,)) is not ABSENT:
            fix = edits.rewrite(self.document, (SELECTOR,), number, safe=True)
            span = self._before.span((SELECTOR,))
        else:
            source = self.document.source
            at = edits.top_of(source)
            line = f"{SELECTOR} = {number}{source.newline}"
            if source.text[at:].strip() and not source.text.startswith(("\n", "\r\n"), at):
                line += source.newline
            gap = source.newline if at and not source.text[:at].endswith("\n") else ""
            fix = Fix("name the version", (Edit(source.span(at, at), gap + line),), safe=True)
            span = self._before.source.span(0, 0)
        if not self.problems and fix:
            self.document = self._edited(fix)
            self.changes.append(
                MigrationNote(span, f"`{SELECTOR} = {number}`", "It says what the other keys mean.")
            )

    def _apply(self, fix: Fix | None, path: Path, what: str, why: str) -> None:
        if fix:
            self.document = self._edited(fix)
            self.changes.append(MigrationNote(self._before.span(path, "key"), what, why))
            return
        help = "write each key on a line of its own below its `[section]`, then migrate"
        self._leave(path, f"{what}, which has to be written by hand", help)

    def _leave(self, path: Path, message: str, help: str) -> None:
        if path not in self._left:
            self._left.add(path)
            span = self._before.span(path, "key")
            self.problems.append(MIGRATE_BY_HAND.finding(span, message, path=path, help=help))

    def _edited(self, fix: Fix) -> Document:
        return parse(edits.apply_fixes(self.document.source, [fix]))
