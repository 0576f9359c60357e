"""How a config of the version before becomes one of this version, as a table and in memory."""

import tomllib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sftc.contract.json_types import json_text
from sftc.text.keys import ABSENT, Path, look_up, split


class Words(NamedTuple):
    """Words of the version before, in lower case, and the values of this version that they agree with."""

    begins: tuple[str, ...]
    inside: tuple[str, ...]
    values: Collection[Any]

    def fits(self, word: str) -> bool:
        """Return whether `word` is one of them."""
        return word.startswith(self.begins) or any(each in word for each in self.inside)


class Choice(NamedTuple):
    """The key `to` gets what `values` has for the value of the older key `source`, else `absent`.

    `words` are what the version before allowed at `to`; the first that fits counts. `beside` are
    keys that stay, whose words must agree as well.
    """

    source: tuple[str, ...]
    to: tuple[str, ...]
    values: Mapping[str, Any]
    absent: Any
    words: tuple[Words, ...]
    beside: tuple[tuple[str, ...], ...]
    why: str

    def agreeing(self, word: Any) -> Collection[Any] | None:
        """Return the values that `word` agrees with, `None` for a word that the table does not know."""
        if not isinstance(word, str):
            return None
        return next((each.values for each in self.words if each.fits(word.lower())), None)


class Move(NamedTuple):
    """A key at any of `sources` is now at `to`; a table takes its keys along."""

    sources: tuple[tuple[str, ...], ...]
    to: tuple[str, ...]
    why: str


class Removal(NamedTuple):
    """The key at `path` has no effect, and goes."""

    path: tuple[str, ...]
    why: str


class Upgraded(NamedTuple):
    """The values of a config in the terms of a version.

    `places` has the older keys that a key was made of: the first is the one that decided.
    `conflicts` are the keys whose words do not agree with what was decided.
    """

    values: Mapping[str, Any]
    places: Mapping[Path, tuple[Path, ...]]
    conflicts: tuple[Path, ...]

    def place(self, path: Path) -> Path:
        """Return the key of the config as it is written that decides the key at `path`."""
        return self.places[path][0] if path in self.places else path


class Upgrade(NamedTuple):
    """The table of a version: how a config of the version before becomes one of it."""

    choices: tuple[Choice, ...]
    moves: tuple[Move, ...]
    removals: tuple[Removal, ...]

    def apply(self, values: Mapping[str, Any], *, is_older: bool) -> Upgraded:
        """Return the values of a config of the version before, if `is_older`, in the terms of this one.

        In a config of this version, an older key is read if the new one is not set. Keys that the
        version before did not know are not read: only `sftc migrate` gives them a meaning.
        """
        upgraded = Upgraded(values, {}, ())
        for choice in self.choices:
            upgraded = _choose(choice, upgraded, is_older=is_older)
        return upgraded


def _choose(choice: Choice, before: Upgraded, *, is_older: bool) -> Upgraded:
    old, word = look_up(before.values, choice.source), look_up(before.values, choice.to)
    if not is_older and old is ABSENT:
        return before
    if not is_older and word is not ABSENT:
        agreeing = choice.agreeing(word)
        if agreeing is None or choice.values.get(json_text(old), word) in agreeing:
            return before
        return before._replace(conflicts=(*before.conflicts, choice.source))
    places = {**before.places, choice.to: (choice.source, choice.to)}
    if old is ABSENT and word is ABSENT:
        return before._replace(places=places)
    chosen = choice.absent if old is ABSENT else choice.values.get(json_text(old), ABSENT)
    conflicts, agreeing = before.conflicts, choice.agreeing(word)
    if agreeing is not None and chosen is not ABSENT and chosen not in agreeing:
        conflicts = (*conflicts, choice.to)
    return Upgraded(_with(before.values, choice.to, chosen), places, conflicts)


def _with(values: Mapping[str, Any], path: tuple[str, ...], value: Any) -> Mapping[str, Any]:
    """Return `values` with `value` at `path`, or without the key if it is `ABSENT`; tables are copied."""
    name, *rest = path
    table = dict(values)
    if rest:
        inner = table.get(name, {})
        if isinstance(inner, dict):
            table[name] = _with(inner, tuple(rest), value)
    elif value is ABSENT:
        table.pop(name, None)
    else:
        table[name] = value
    return table


NO_UPGRADE = Upgrade((), (), ())
"""The table of the first version."""


def load_upgrade(text: str) -> Upgrade:
    """Read the rows of an `upgrade.toml`."""
    table = tomllib.loads(text)
    return Upgrade(
        choices=tuple(
            Choice(
                split(row["from"]),
                split(row["to"]),
                row["values"],
                row.get("absent", ABSENT),
                tuple(map(_words, row["words"])),
                tuple(map(split, row.get("beside", ()))),
                row["why"],
            )
            for row in table.get("choice", ())
        ),
        moves=tuple(
            Move(tuple(map(split, row["from"])), split(row["to"]), row["why"])
            for row in table.get("move", ())
        ),
        removals=tuple(Removal(split(row["from"]), row["why"]) for row in table.get("remove", ())),
    )


def _words(row: Mapping[str, Any]) -> Words:
    return Words(tuple(row.get("begins", ())), tuple(row.get("with", ())), row["values"])
