"""Keys and tables that the contract does not know: never sent, and reported by name."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sftc.checks.config import Config
from sftc.checks.counterparts import (
    Counterparts,
    also_set,
    choices,
    counterparts,
    fix_of,
    home,
    is_section,
    sentences,
    what_differs,
    what_fits,
)
from sftc.checks.migration import migration_fix
from sftc.checks.rules.forwarded import MISPLACED_KEY
from sftc.checks.rules.renamed import NEWER_KEY, RENAMED_KEY
from sftc.checks.rules.schema_version import late_version
from sftc.contract.names import plain
from sftc.contract.versions import SELECTOR
from sftc.document.edits import move
from sftc.findings.finding import Finding, Fix
from sftc.findings.rule import Rule
from sftc.findings.stage_rules.schema import UNKNOWN_KEY, UNKNOWN_TABLE
from sftc.text.keys import Path, dotted, key, leaves, look_up

_SHOWN = 10
_OF_THE_TABLE = frozenset({"name", "type", "kind", "path", "id", "file", "value", "enabled"})
"""Names of keys, in plain letters, that say what their table is about."""
_NO_TABLE = "remove it: no section has this name; notes belong in `[algorithm]`"
_NO_KEY = "remove it: no setting has this name"


def explain_unknown_key(config: Config, path: Path) -> Finding:
    """Return the finding about the unknown key or table at `path` of a closed table, and what it may mean."""
    if path[-1] == SELECTOR:
        return late_version(config, path)
    tables = _tables(config, path)
    found = counterparts(config, path, is_table=bool(tables))
    rule, help, fix = _help(config, path, found)
    if tables and rule is not NEWER_KEY:
        inside = ", ".join(_keys_inside(config, tables[0], found, str(path[-1])))
        help = _joined(help or "", inside)
    help = help or (_NO_TABLE if tables else _NO_KEY)
    return unknown_key(config, path, rule, help, fix)


def meant_by(config: Config, path: Path) -> set[Path]:
    """Return what the unknown key at `path`, or what is in the unknown table there, may be meant to be."""
    tables = _tables(config, path)
    found = counterparts(config, path, is_table=bool(tables))
    if tables:
        inside = [*_places_inside(config, tables[0], found, str(path[-1]))]
        below = {leaf for at, place in inside for leaf in leaves(look_up(tables[0], at), place)}
        return below.union(place for _, place in inside)
    own = [place for place in (found.spelled, found.similar) if place]
    return {*own, *found.places, *found.others, *found.alike}


def unknown_key(
    config: Config, path: Path, rule: Rule | None = None, help: str | None = None, fix: Fix | None = None
) -> Finding:
    """Return the finding about the unknown key or table at `path`, by its own rule if `rule` is `None`."""
    tables = _tables(config, path)
    message = f"{is_unknown(config, path)}: {_contents(tables)}"
    rule = rule or (UNKNOWN_TABLE if tables else UNKNOWN_KEY)
    return rule.finding(config.document.span(path, "key"), message, path=path, help=help, fix=fix)


def is_unknown(config: Config, path: Path) -> str:
    """Return the statement that the key or table at `path` is unknown, for a message."""
    if _tables(config, path):
        return f"the table `[{dotted(path)}]` is unknown"
    where = f"in `[{dotted(path[:-1])}]`" if path[:-1] else "outside any section"
    return f"the key `{key(str(path[-1]))}` is unknown {where}"


def _tables(config: Config, path: Path) -> list[dict[str, Any]]:
    """Return the tables at `path`: one, those of `[[name]]`, or none if it is another value."""
    value = config.document.get(path)
    tables = value if isinstance(value, list) else [value]
    return tables if all(isinstance(each, dict) for each in tables) else []


def _help(config: Config, path: Path, found: Counterparts) -> tuple[Rule | None, str | None, Fix | None]:
    contract, version = config.contract, config.newest.version
    newer = f"version {version} has {choices(config, found.newer)}: `sftc migrate` rewrites the config for it"
    if wrong := found.newer and (
        what_fits(config, path, found.newer) or what_differs(config, path, found.newer)
    ):
        newer = f"version {version} has {choices(config, found.newer)}"
        newer = sentences(newer, wrong, "Then run `sftc migrate`")
    moves = (row.to for row in contract.upgrade.moves if path in row.sources)
    moved = [to for to in moves if is_section(config, to) == isinstance(config.document.get(path), dict)]
    renamed = [row.to for row in contract.mapping.renames if row.path == path]
    if to := next(iter((*renamed, *moved)), None):
        wrong = what_fits(config, path, [to])
        help = sentences(f"it is called `{dotted(to)}` now", wrong)
        # A key that had no effect takes effect.
        return RENAMED_KEY, help, None if wrong else move(config.document, path, to, safe=not moved)
    if found.spelled:
        return None, _did_you_mean(config, path, [found.spelled]), fix_of(config, path, found.spelled)
    if found.newer and (path in config.newest.properties or not (found.places or found.others)):
        own = (
            f"; in version {contract.version}, {choices(config, found.others)} is the nearest"
            if found.others
            else ""
        )
        return NEWER_KEY, newer + own, None if wrong else migration_fix(config)
    for rule, places in ((MISPLACED_KEY, found.places), (None, found.others)):
        if places:
            help = f"it belongs at {choices(config, places)}" if rule else _did_you_mean(config, path, places)
            help = sentences(help, also_set(config, places))
            fix = fix_of(config, path, places[0]) if len(places) == 1 else None
            return rule, _joined(help, newer) if found.newer else help, fix
    if found.similar:
        similar = f"`{found.similar[-1]}`"
        if is_section(config, found.similar):
            similar = choices(config, [found.similar])
        return None, f"did you mean {similar}?", fix_of(config, path, found.similar)
    return None, f"did you mean {choices(config, found.alike)}?" if found.alike else None, None


def _joined(first: str, second: str) -> str:
    return (" " if first.endswith("?") else "; ").join(filter(None, [first, second]))


def _did_you_mean(config: Config, path: Path, places: list[Path]) -> str:
    return " ".join(
        filter(
            None,
            [
                f"did you mean {choices(config, places)}?",
                what_fits(config, path, places) or what_differs(config, path, places),
            ],
        )
    )


def _keys_inside(config: Config, table: dict[str, Any], found: Counterparts, of: str) -> Iterator[str]:
    """Yield where the keys of an unknown table belong, in words."""
    for path, place in _places_inside(config, table, found, of):
        if place == (SELECTOR,):
            yield f"`{dotted(path)}` belongs at the top of the file, above every table, as `{SELECTOR}`"
            continue
        newer = "" if place in config.contract.properties else f" in version {config.newest.version}"
        yield f"`{dotted(path)}` belongs at {choices(config, [place])}{newer}"


def _places_inside(
    config: Config, table: dict[str, Any], found: Counterparts, of: str
) -> Iterator[tuple[Path, Path]]:
    """Yield the path in an unknown table of each key that is known elsewhere, and its place there."""
    section = found.spelled or next(iter((*found.places, *found.others, *found.alike)), found.similar)
    return islice(_homes_inside(config, (), table, section, of), _SHOWN)


def _homes_inside(
    config: Config, around: Path, table: dict[str, Any], section: Path | None, of: str
) -> Iterator[tuple[Path, Path]]:
    for name, value in islice(table.items(), _SHOWN):
        is_table = isinstance(value, dict)
        if place := _home_inside(config, name, is_table=is_table, section=section, of=of):
            yield (*around, name), place
        elif is_table:
            yield from _homes_inside(config, (*around, name), value, section, name)


def _home_inside(config: Config, name: str, *, is_table: bool, section: Path | None, of: str) -> Path | None:
    """Return the key that `name` means in an unknown table called `of`, such as `name` in `[optimizer]`."""
    if plain(name) not in _OF_THE_TABLE or is_table:
        return home(config, name, is_table=is_table, inside=section)
    own = home(config, name, is_table=False, inside=section)
    is_own = own is not None and own[:-1] == section
    if is_own and plain(str(section[-1] if section else "")) == plain(of):
        return own
    return home(config, of, is_table=False, inside=None) or (own if is_own else None)


def _contents(tables: list[dict[str, Any]]) -> str:
    names = [f"`{key(name)}`" for name in dict.fromkeys(name for table in tables for name in table)]
    if not names:
        return "it is never sent"
    more = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"{shown} in it {'is' if len(names) == 1 else 'are'} never sent"
