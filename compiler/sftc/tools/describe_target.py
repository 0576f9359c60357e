"""A target described: for each key of the language, how it is written, and what cannot be."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sftc.contract.mapping_table import Inexpressible
from sftc.contract.targets import RUN, Target
from sftc.contract.versions import Contract
from sftc.text.keys import Path, pointer


class Limit(NamedTuple):
    """Values of a key that a target cannot express: all, or all but those that the schema `takes` allows."""

    severity: str
    takes: Any
    why: str
    instead: str


class KeyInTarget(NamedTuple):
    """What a target does with a key of the language.

    `to` are the pointers that it goes to, or helps to decide. `limits` are the values that cannot be
    written. `why` is the reason if the target leaves the key out without a finding.
    """

    path: Path
    to: tuple[str, ...]
    limits: tuple[Limit, ...]
    why: str

    @property
    def verdict(self) -> str:
        """`written`, `in part`, `not written`, or `left out` if that changes nothing."""
        if self.to and not any(each.severity == "error" for each in self.limits):
            return "written"
        if self.to:
            return "in part"
        return "not written" if self.limits else "left out"


def keys_of(target: Target, newest: Contract) -> Iterator[KeyInTarget]:
    """Yield each key of the newest version of the language, in its order, as `target` has it."""
    run_rows = newest.run_table.rows
    decides = {row.to[-1]: (row.key or row.reads[0]) for row in reversed(run_rows)}

    def subject(entry: Inexpressible) -> Path:
        path = entry.path
        while path[0] == RUN:
            path = decides[path[1]]
        return path

    for path, schema in newest.properties.items():
        if "properties" in schema and schema.get("additionalProperties") is False:
            continue
        around = [tuple(map(str, path[: end + 1])) for end in range(len(path))]
        rows = [row for key in around for row in target.read.get(key, ())]
        made = [row for row in rows if not set(around).isdisjoint(target.sources(row))]
        to = dict.fromkeys(pointer(row.to) for row in made or rows)
        own = [each for each in target.mapping.inexpressible if subject(each) == path]
        wider = [each for each in target.mapping.inexpressible if not to and subject(each) in around]
        limits = [Limit(each.severity, each.takes, each.why, each.instead) for each in own or wider]
        why = next((each.why for each in target.mapping.unsent if each.path in around), "")
        yield KeyInTarget(path, tuple(to), tuple(limits), why)
