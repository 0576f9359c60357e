"""Keys and tables that the contract does not know: never sent, and reported by name."""

from collections.abc import Iterator
from typing import Any

from sftc.checks.config import Config
from sftc.checks.counterparts import Counterparts, choices, counterparts, fix_of, home, is_section
from sftc.checks.migration import migration_fix
from sftc.checks.rules.forwarded import MISPLACED_KEY
from sftc.checks.rules.renamed import NEWER_KEY, RENAMED_KEY
from sftc.checks.rules.schema_version import late_version
from sftc.contract.versions import SELECTOR
from sftc.document.edits import move
from sftc.findings.finding import Finding, Fix
from sftc.findings.rule import Rule
from sftc.findings.stage_rules.schema import UNKNOWN_KEY, UNKNOWN_TABLE
from sftc.text.keys import Path, dotted, key, quoted

_SHOWN = 10
_NO_TABLE = "remove it: no section has this name; notes belong in `[algorithm]`"
_NO_KEY = "remove it: no setting has this name"


def explain_unknown_key(config: Config, path: Path) -> Finding:
    """Return the finding about the unknown key or table at `path` of a closed table."""
    document = config.document
    name, table, span = str(path[-1]), path[:-1], document.span(path, "key")
    if name == SELECTOR:
        return late_version(config, path)
    value = document.get(path)
    tables = value if isinstance(value, list) else [value]  # [[name]] is a list of tables
    is_table = bool(tables) and all(isinstance(each, dict) for each in tables)
    if is_table:
        rule, what = UNKNOWN_TABLE, f"the table `[{dotted(path)}]` is unknown: {_contents(tables)}"
    else:
        where = f"in `[{dotted(table)}]`" if table else "outside any section"
        rule, what = UNKNOWN_KEY, f"the key `{key(name)}` is unknown {where}: it is never sent"
    found = counterparts(config, path, is_table=is_table)
    other, help, fix = _help(config, path, found)
    if is_table and other is not NEWER_KEY:
        inside = ", ".join(_keys_inside(config, path, tables[0], found))
        help = (" " if (help or "").endswith("?") else "; ").join(filter(None, [help, inside]))
    help = help or (_NO_TABLE if is_table else _NO_KEY)
    return (other or rule).finding(span, what, path=path, help=help, fix=fix)


def _help(config: Config, path: Path, found: Counterparts) -> tuple[Rule | None, str | None, Fix | None]:
    contract, version = config.contract, config.newest.version
    newer = f"version {version} has {choices(config, found.newer)}: `sftc migrate` rewrites the config for it"
    moves = (row.to for row in contract.upgrade.moves if path in row.sources)
    moved = [to for to in moves if is_section(config, to) == isinstance(config.document.get(path), dict)]
    renamed = [row.to for row in contract.mapping.renames if row.path == path]
    if to := next(iter((*renamed, *moved)), None):
        fix = move(config.document, path, to, safe=not moved)  # what had no effect takes effect
        return RENAMED_KEY, f"it is called `{dotted(to)}` now", fix
    if found.spelled:
        return None, _did_you_mean(config, path, [found.spelled]), fix_of(config, path, found.spelled)
    if found.newer and (path in config.newest.properties or not (found.places or found.others)):
        own = (
            f"; in version {contract.version}, {choices(config, found.others)} is the nearest"
            if found.others
            else ""
        )
        return NEWER_KEY, newer + own, migration_fix(config)
    for rule, places in ((MISPLACED_KEY, found.places), (None, found.others)):
        if places:
            help = f"it belongs at {choices(config, places)}" if rule else _did_you_mean(config, path, places)
            fix = fix_of(config, path, places[0]) if len(places) == 1 else None
            return rule, f"{help}; {newer}" if found.newer else help, fix
    if found.similar:
        return None, f"did you mean `{found.similar[-1]}`?", fix_of(config, path, found.similar)
    return None, f"did you mean {choices(config, found.alike)}?" if found.alike else None, None


def _did_you_mean(config: Config, path: Path, places: list[Path]) -> str:
    help = f"did you mean {choices(config, places)}?"
    value = config.document.get(path)
    if isinstance(value, dict | list) or any(config.contract.allows(place, value) for place in places):
        return help
    schema = config.contract.properties[places[0]]
    if "enum" in schema:  # which of them is meant, only the person knows
        return f"{help} It takes {', '.join(f'`{quoted(each)}`' for each in schema['enum'])}"
    if "const" in schema:
        return help
    return f"{help} For example: `{places[0][-1]} = {config.contract.example(places[0])}`"


def _keys_inside(config: Config, path: Path, table: dict[str, Any], found: Counterparts) -> Iterator[str]:
    """Yield where the keys of an unknown table belong."""
    section = found.spelled or next(iter((*found.places, *found.others, *found.alike)), found.similar)
    for name, value in list(table.items())[:_SHOWN]:
        place = home(config, name, is_table=isinstance(value, dict), inside=section)
        if place:
            newer = "" if place in config.contract.properties else f" in version {config.newest.version}"
            yield f"`{key(name)}` belongs at {choices(config, [place])}{newer}"


def _contents(tables: list[Any]) -> str:
    names = [f"`{key(name)}`" for name in dict.fromkeys(name for table in tables for name in table)]
    if not names:
        return "it is never sent"
    more = len(names) - _SHOWN
    shown = ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"{shown} in it {'is' if len(names) == 1 else 'are'} never sent"
