"""What two configs mean, compared: payload values, files, and what they add up to."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sftc.checks.resources import effective_batch, gpus
from sftc.contract.versions import Contract
from sftc.document.toml import Document
from sftc.payload.origins import origins, place
from sftc.text.keys import ABSENT, dotted
from sftc.tools.explain import keys, value_at


class Side(NamedTuple):
    """One of the configs: its document and what it compiles to."""

    document: Document
    contract: Contract
    payload: dict[str, Any]


class Change(NamedTuple):
    """Something that differs, by JSON pointer, or by dotted key if submission alone reads it.

    A value is `ABSENT` on the side that has none; so is its place, as `config.toml:3`,
    `default`, `constant` or `--set`.
    """

    at: str
    before: Any
    after: Any
    before_place: str
    after_place: str


class Sum(NamedTuple):
    """A figure that the configs add up to, in words, `None` on a side that does not say."""

    name: str
    before: str | None
    after: str | None


def changes(a: Side, b: Side) -> Iterator[Change]:
    """Yield every payload value that differs, then every key for submission."""
    before, after = (_values(side) for side in (a, b))
    nothing = (ABSENT, "")
    for at in sorted(before.keys() | after.keys()):
        (old, old_place), (new, new_place) = before.get(at, nothing), after.get(at, nothing)
        if not _means_the_same(old, new):
            yield Change(at, old, new, old_place, new_place)


def _means_the_same(old: Any, new: Any) -> bool:
    """Whether two leaves are one to the service: `1` and `1.0` are, `1` and `true` are not."""
    return (type(old) is bool) == (type(new) is bool) and bool(old == new)


def sums(a: Side, b: Side) -> Iterator[Sum]:
    """Yield GPUs and effective batch where they differ."""
    for name, figure in {"GPUs": gpus, "effective batch": effective_batch}.items():
        before, after = (figure(side.document) for side in (a, b))
        if (before and before.number) != (after and after.number):
            yield Sum(name, before and str(before), after and str(after))


def _values(side: Side) -> dict[str, tuple[Any, str]]:
    document, contract, payload = side
    found = {
        at: (value_at(payload, at), place(origin))
        for at, origin in origins(document, contract.mapping).items()
    }
    for key in keys(document, contract):
        if key.fate == "submission":
            newer = next((row.to for row in contract.mapping.renames if row.path == key.path), key.path)
            found[dotted(newer)] = (document.get(key.path), f"{key.span.source.name}:{key.span.line}")
    return found
