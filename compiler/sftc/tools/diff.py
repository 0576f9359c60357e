"""Two configs compared by meaning: payload values, files, and what they add up to."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, NamedTuple

from sftc.checks.resources import effective_batch, gpus
from sftc.payload.origins import place
from sftc.pipeline import Compiled
from sftc.text.keys import ABSENT, dotted
from sftc.tools.explain import keys, value_at


class Change(NamedTuple):
    """One difference, by JSON pointer, or by dotted key if only submission reads it.

    A value is `ABSENT` on the side that lacks it. A place is `config.toml:3`, `default`,
    `constant` or `--set`, and empty on that side.
    """

    at: str
    before: Any
    after: Any
    before_place: str
    after_place: str


class Sum(NamedTuple):
    """A number that the configs add up to, in words; `None` on a side that does not determine it."""

    name: str
    before: str | None
    after: str | None


def changes(a: Compiled, b: Compiled) -> Iterator[Change]:
    """Yield every payload value and every key for submission that differs."""
    before, after = (_values(side) for side in (a, b))
    nothing = (ABSENT, "")
    for at in sorted(before.keys() | after.keys()):
        (old, old_place), (new, new_place) = before.get(at, nothing), after.get(at, nothing)
        if comparable(old) != comparable(new):
            yield Change(at, old, new, old_place, new_place)


def comparable(value: Any) -> Hashable:
    """Return what is equal for values that mean the same: `1` and `1.0` do, `1` and `true` do not."""
    if isinstance(value, Mapping):
        return frozenset((name, comparable(each)) for name, each in value.items())
    if isinstance(value, list):
        return tuple(map(comparable, value))
    return type(value) is bool, value


def meaning(side: Compiled) -> Hashable:
    """Return what is equal for configs of the same run: those without `changes` but in its name."""
    names = {at for at, origin in side.origins.items() if origin.path in side.checked.contract.distinct}
    return comparable({at: value for at, (value, _) in _values(side).items() if at not in names})


def sums(a: Compiled, b: Compiled) -> Iterator[Sum]:
    """Yield GPUs and effective batch if they differ."""
    for name, figure in {"GPUs": gpus, "effective batch": effective_batch}.items():
        before, after = (figure(side.checked) for side in (a, b))
        if (before and before.number) != (after and after.number):
            yield Sum(name, before and str(before), after and str(after))


def _values(side: Compiled) -> dict[str, tuple[Any, str]]:
    config = side.checked
    document, mapping = config.document, side.target.mapping
    found = {at: (value_at(side.payload, at), place(origin)) for at, origin in side.origins.items()}
    for key in keys(side):
        if key.fate == "submission":
            newer = next((row.to for row in mapping.renames if row.path == key.path), key.path)
            found[dotted(newer)] = (document.get(key.path), f"{key.span.source.name}:{key.span.line}")
    return found
