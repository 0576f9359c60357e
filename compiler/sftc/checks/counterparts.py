"""What a name that the contract does not know where it is written was probably meant to be."""

from typing import Any, Final, NamedTuple

import orjson

from sftc.checks.config import Config
from sftc.contract.names import is_other_measure, plain
from sftc.contract.schemas import Schema
from sftc.document.edits import move, rename
from sftc.document.overrides import toml_value
from sftc.findings.finding import Fix
from sftc.text.keys import Path, dotted, quoted
from sftc.text.quoted_values import without_quotes
from sftc.text.suggest import is_slip, near

_SWITCH: Final = "enabled"


class Counterparts(NamedTuple):
    """Keys that a name may mean, the likeliest kind first.

    `spelled` is a key of the same table, in another spelling; `places` are keys of other tables
    with that name; `others` are keys that other trainers call so; `newer` are keys of a newer
    version; `similar` is a key of the same table, and `alike` are keys of any, whose name is almost
    the same.
    """

    spelled: Path | None
    places: list[Path]
    others: list[Path]
    newer: list[Path]
    similar: Path | None
    alike: list[Path]


def counterparts(config: Config, path: Path, *, is_table: bool, sure: bool = False) -> Counterparts:
    """Return what the unknown name at `path` may mean.

    In a table that takes any key, a guess must be `sure`.
    """
    names, table, name = config.contract.names, path[:-1], str(path[-1])
    places = names.homes(name, is_table=is_table)
    if (
        plain(name) == _SWITCH and table not in config.contract.forwarded
    ):  # it turns on what the table is about
        places = names.others(str(table[-1]) if table else name)
    spelled = next((place for place in places if place[:-1] == table), None)
    others = names.others(name, is_table=is_table)
    others = others if is_table else _fitting(config, path, others)
    if any(place[:-1] == table for place in others) and not any(place[:-1] == table for place in places):
        places = []  # what other trainers call a key of this table is nearer than a key of another table
    known = [each for each in names.in_table(table) if (*table, each) in config.contract.properties]
    similar, alike = None, list[Path]()
    if not places and not others:
        meant = near(name, known, sure=sure) or (
            _by_its_keys(config, path, known)
            if is_table
            else near(name, names.legacy_in_table(table), sure=sure)
        )
        similar = (*table, meant) if meant else None
        if not meant and not sure and (other := near(name, names.all(tables=is_table), sure=True)):
            alike = names.homes(other, is_table=is_table)
    newer = _newer(config, path, is_table=is_table)
    own = [place for place in newer if place[:-1] == table]
    if any(place[:-1] == table for place in others):  # what a newer version has elsewhere is farther
        newer = own
    elif own and not places:
        newer, others = own, []
    if newer and others and not is_table:  # a name of both: the one whose value fits
        value = config.document.get(path)
        newer = [place for place in newer if is_section(config, place) or config.newest.allows(place, value)]
        if newer and not any(config.contract.allows(place, value) for place in others):
            others = []
    return Counterparts(spelled, places, others, newer, similar, alike)


def _by_its_keys(config: Config, path: Path, known: list[str]) -> str | None:
    """Return the table that a name is one slip from, however short, and that has one of the keys in it."""
    value, table, name = config.document.get(path), path[:-1], str(path[-1]).lower()
    slips = [each for each in known if is_slip(name, each)] if isinstance(value, dict) else []
    meant = config.contract.names.meant
    return next((each for each in slips if any(meant((*table, each), inner) for inner in value)), None)


def _fitting(config: Config, path: Path, places: list[Path]) -> list[Path]:
    """Return the places that allow the value at `path`, those of the same table first; all if none does."""
    if len(places) < 2:
        return places
    value = config.document.get(path)
    fitting = [place for place in places if config.contract.allows(place, value)]
    if not fitting and isinstance(value, str):
        fitting = [place for place in places if plain(str(place[-1])) in plain(value)]
    fitting = fitting or places
    return [place for place in fitting if place[:-1] == path[:-1]] or fitting


def _newer(config: Config, path: Path, *, is_table: bool) -> list[Path]:
    if not config.is_older:
        return []
    newest, known = config.newest, config.contract.properties
    if path in newest.properties:
        return [path]
    moved: list[Path] = [
        row.to
        for row in newest.upgrade.moves
        if path in row.sources and is_section(config, row.to) == is_table
    ]
    name = str(path[-1])
    named = [
        *newest.names.homes(name, is_table=is_table),
        *newest.names.others(name, is_table=is_table),
    ]
    return moved or [place for place in named if place not in known]


def home(config: Config, name: str, *, is_table: bool, inside: Path | None) -> Path | None:
    """Return the key that `name` means in any table, preferably `inside` one, and the version's own."""
    for names in (config.contract.names, config.newest.names):
        places = [*names.homes(name, is_table=is_table), *names.others(name, is_table=is_table)]
        own = next((place for place in places if place[:-1] == inside), None)
        if found := own or next(iter(places), None):
            return found
    return None


def fix_of(config: Config, path: Path, to: Path) -> Fix | None:
    """Return the fix that makes the key or table at `path` the one at `to`, if its value fits there."""
    document = config.document
    value = document.get(path)
    schema, name = config.contract.properties[to], str(path[-1])
    # The other names of some keys take other values: they only hint at the key.
    is_hint = schema.get("x-sftc", {}).get("hint") is True and plain(name) != plain(str(to[-1]))
    if is_hint or is_other_measure(schema, name, value):
        return None
    if not is_section(config, to) and not config.contract.allows(to, value):
        return None
    if path[:-1] == to[:-1]:
        return rename(document, path, str(to[-1]), safe=False)
    return move(document, path, to, safe=False)


def what_differs(config: Config, path: Path, places: list[Path]) -> str | None:
    """Return, as a sentence, what the only key that is meant measures, if that is not what the name does."""
    if len(places) != 1:
        return None
    schema = config.contract.properties.get(places[0]) or config.newest.properties[places[0]]
    measure = schema["description"].split(". ")[0].rstrip(".")
    is_other = is_other_measure(schema, str(path[-1]), config.document.get(path))
    return f"It is another measure: {measure[:1].lower()}{measure[1:]}" if is_other else None


def what_fits(config: Config, path: Path, places: list[Path]) -> str | None:
    """Return what the first of `places` takes, as a sentence, if none of them takes the value at `path`."""
    value, place = config.document.get(path), places[0]
    contract = config.contract if place in config.contract.properties else config.newest
    schema, name = contract.properties[place], place[-1]
    is_switch = "const" in schema or isinstance(value, dict)
    if is_switch or is_section(config, place) or any(contract.allows(each, value) for each in places):
        return None
    sure = _sure_value(schema, str(name), value)
    if isinstance(value, float) and value.is_integer() and contract.allows(place, int(value)):
        sure = str(int(value))
    if sure is not None:
        return f"Write `{name} = {sure}`" if sure else "Leave it out"
    meant = without_quotes(value) if isinstance(value, str) else None
    if meant and contract.allows(place, toml_value(meant[1])):
        return f"Write it without the quotes: `{name} = {meant[1]}`"
    if form := schema.get("x-sftc", {}).get("form"):
        return f"It must be {form}"
    if "enum" in schema:  # which of them is meant, only the person knows
        return f"It takes {', '.join(f'`{quoted(each)}`' for each in schema['enum'])}"
    is_item = contract.allows(place, [value])
    example = f"[{config.document.snippet(path)}]" if is_item else contract.example(place)
    return f"{'Write it as an array' if is_item else 'For example'}: `{name} = {example}`"


def _sure_value(schema: Schema, name: str, value: Any) -> str | None:
    """Return the value that a word surely means for a key: `full` for a LoRA switch, `bf16` for `bf16`."""
    meant = value_of_word(schema, value)
    is_named = isinstance(value, str) and schema.get("type") == "boolean" and plain(name) in plain(value)
    return "true" if meant is None and is_named else meant


def value_of_word(schema: Schema, value: Any) -> str | None:
    """Return in TOML what another trainer's word for a value of a key is here, empty to leave the key out."""
    if not (isinstance(value, str) or (isinstance(value, int) and abs(value) <= 1)):
        return None  # neither a word, nor a boolean, nor a number that stands for none
    written = value if isinstance(value, str) else str(value).lower()
    for word, meant in schema.get("x-sftc", {}).get("words", {}).items():
        if word == written or (plain(word) == plain(written) and not plain(word).isdigit()):
            return "" if meant is None else orjson.dumps(meant).decode()
    return None


def also_set(config: Config, places: list[Path]) -> str | None:
    """Return what to do, as a sentence, if the only key that is meant is set as well."""
    is_key = len(places) == 1 and not is_section(config, places[0])
    is_taken = is_key and config.document.sets(places[0])
    return f"`{dotted(places[0])}` is set as well: remove one of the two" if is_taken else None


def sentences(first: str, *more: str | None) -> str:
    """Return help of several sentences, those that are `None` left out."""
    for each in filter(None, more):
        first += f"{'' if first.endswith('?') else '.'} {each}"
    return first


def choices(config: Config, places: list[Path]) -> str:
    """Return the keys and tables as text: `a.b` or `[c]`."""
    return " or ".join(
        f"`[{dotted(place)}]`" if is_section(config, place) else f"`{dotted(place)}`" for place in places
    )


def is_section(config: Config, path: Path) -> bool:
    """Return whether the newest contract has a table at `path`."""
    return config.newest.properties.get(path, {}).get("type") == "object"


def sections(places: list[Path]) -> str:
    """Return the tables of the keys as text: `[a]` or `[c]`."""
    tables = (f"`[{dotted(place[:-1])}]`" if place[:-1] else "the top level" for place in places)
    return " or ".join(dict.fromkeys(tables))
