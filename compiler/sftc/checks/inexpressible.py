"""Find the settings of a config that a target cannot express."""

from collections.abc import Iterator
from typing import Any, Final

from sftc.checks.config import Config
from sftc.contract.acceptance import schema_predicate
from sftc.contract.mapping_table import Inexpressible
from sftc.contract.targets import Target
from sftc.findings.finding import Finding
from sftc.findings.stage_rules.other_trainers import (
    CANNOT_EXPRESS,
    CONTRADICTION,
    NOT_CARRIED,
    SMALL_DIFFERENCE,
    UNDECIDED,
    UNFINISHED,
)
from sftc.text.keys import ABSENT, Path, dotted, leaves, look_up

_RULES: Final = {"error": CANNOT_EXPRESS, "warning": NOT_CARRIED, "note": SMALL_DIFFERENCE}


def inexpressible(config: Config, target: Target) -> Iterator[Finding]:
    """Yield a finding for each setting that `target` cannot express, but for contradictions.

    A table of the config makes one finding; if the target takes some of its keys, each other key makes one.
    """
    if target.own_version:
        return
    values = config.values_for(target).values
    yield from _unfinished(config, target, values)
    seen = set[Path]()
    yield from _unmentioned(config, target)
    for entry in target.mapping.inexpressible:
        if not entry.applies(values):
            continue
        for path in _settings(target, entry, values):
            place = config.values_for(target).place(path)
            if place not in seen and not _takes(target, entry, look_up(values, path)):
                seen.add(place)
                yield _finding(config, target, entry, place)


def _unmentioned(config: Config, target: Target) -> Iterator[Finding]:
    """Yield a finding for each key that the config sets and the table has nothing about."""
    document = config.document
    for path in leaves(document.values):
        if path in config.contract.properties and document.get(path) != {} and not target.covers(path):
            message = f"the table of the target `{target.name}` says nothing about `{dotted(path)}`"
            help = "add a row for it to the table, or remove the key"
            yield CANNOT_EXPRESS.finding(document.span(path, "key"), message, path=path, help=help)


def contradictions(config: Config) -> Iterator[Finding]:
    """Yield a finding for each pair of settings that do not agree: together they mean no run."""
    values = config.meant.values
    seen = set[Path]()
    for path, other, why in config.newest.run_table.agreements:
        one, two = look_up(values, path), look_up(values, other)
        place = config.meant.place(path)
        if ABSENT not in (one, two) and one != two and place not in seen:
            seen.add(place)
            message = f"`{dotted(place)}` is {one}, but the other settings make {two}: {why.rstrip('.')}"
            help = "make the settings agree, or remove one of them"
            yield CONTRADICTION.finding(config.document.span(place), message, path=place, help=help)


def _unfinished(config: Config, target: Target, values: Any) -> Iterator[Finding]:
    for path, key, why, instead, severity in target.mapping.needs:
        if look_up(values, path) is ABSENT:
            rule = UNDECIDED if severity == "error" else UNFINISHED
            message = f"`{dotted(key)}` is missing for the target `{target.name}`: {why.rstrip('.')}"
            yield rule.finding(config.document.span(key[:-1], "key"), message, path=key, help=instead)


def _settings(target: Target, entry: Inexpressible, values: Any) -> Iterator[Path]:
    """Yield the keys at or below that of `entry` that the config sets and no other entry is about."""
    value = look_up(values, entry.path)
    depth = len(entry.path)
    below = {path[depth] for path in target.entries if len(path) > depth and path[:depth] == entry.path}
    if isinstance(value, dict) and below:
        yield from ((*entry.path, name) for name in value if name not in below)
    elif value is not ABSENT and value != {}:
        yield entry.path


def _takes(target: Target, entry: Inexpressible, value: Any) -> bool:
    return entry.takes is not None and schema_predicate(target.schemas, entry.takes)(value)


def _finding(config: Config, target: Target, entry: Inexpressible, path: Path) -> Finding:
    rule, document = _RULES[entry.severity], config.document
    is_set = document.get(path) is not ABSENT
    part = entry.takes is not None and is_set and not isinstance(document.get(path), dict)
    said = f"`{dotted(path)} = {document.snippet(path)}`" if part else f"`{dotted(path)}`"
    verb = "cannot be written" if rule is CANNOT_EXPRESS else "has no exact form"
    message = f"{said} {verb} for the target `{target.name}`: {entry.why.rstrip('.')}"
    span = document.span(path, "value" if part else "key")
    return rule.finding(span, message, path=path, help=entry.instead or None)
