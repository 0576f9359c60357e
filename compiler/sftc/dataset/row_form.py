"""A second look at the rows of training files: does a service that takes less take them?"""

from collections.abc import Callable
from typing import Final, NamedTuple

import orjson

from sftc.contract.acceptance import schema_predicate
from sftc.contract.row_violations import Misfit, violations_of
from sftc.contract.schemas import Schema
from sftc.contract.versions import PACKAGED
from sftc.dataset.chunks import Chunk
from sftc.dataset.examine_row import locate
from sftc.dataset.excerpt import Line, Remark
from sftc.dataset.sample import lines_of
from sftc.findings.finding import Finding
from sftc.findings.stage_rules.services import ROW_NOT_TAKEN
from sftc.text.keys import dotted

_SHOWN: Final = 60
"""The characters of a value that are shown."""


class _Cause(NamedTuple):
    """What is wrong with rows: a finding on the first of them, and how many there are."""

    first: Finding
    rows: int


Misfits = dict[str, _Cause]
"""What is wrong with the rows of a file, each cause by its place and its value."""


class RowForm:
    """The second look of `dataset.check_files` at rows, with the schema of the rows that a service takes.

    Args:
        service: the name of the service.
        schema: the schema, without references.
    """

    replaces: frozenset[str] = frozenset()

    def __init__(self, service: str, schema: Schema) -> None:
        self._service = service
        self._schema = schema
        self._causes: dict[str, Misfits] = {}

    def start(self) -> Callable[[str, Chunk], Misfits]:
        """Return the function that looks at a chunk of a file."""
        accepts = schema_predicate(PACKAGED.schemas, self._schema)

        def look(name: str, chunk: Chunk) -> Misfits:
            causes: Misfits = {}
            for line in lines_of(name, chunk):
                row = _row(line.data)
                if row is not None and not accepts(row):
                    self._note(row, line, causes)
            return causes

        return look

    def _note(self, row: object, line: Line, causes: Misfits) -> None:
        """Add what is wrong with a row to `causes`, once each."""
        found: dict[str, Misfit] = {}
        for misfit in violations_of(PACKAGED.schemas, self._schema, row):
            place = dotted("*" if isinstance(part, int) else part for part in misfit.path)
            found.setdefault(f"{place}: {_shown(misfit.value)}", misfit)
        for cause, misfit in found.items():
            if cause in causes:
                causes[cause] = causes[cause]._replace(rows=causes[cause].rows + 1)
            else:
                title = misfit.schema["title"]
                text = f"`{dotted(misfit.path)}` must be {title} for {self._service}"
                remark = Remark(ROW_NOT_TAKEN, f"{text}, not {_shown(misfit.value)}", misfit.path)
                [causes[cause]] = [_Cause(each, 1) for each in locate([remark], line)]

    def take(self, path: str, seen: Misfits) -> None:
        """Add what was found in a chunk."""
        known = self._causes.setdefault(path, {})
        for name, cause in seen.items():
            before = known.get(name)
            known[name] = before._replace(rows=before.rows + cause.rows) if before else cause

    def findings(self, path: str) -> list[Finding]:
        """Return a finding for each cause in a file, on the first row that has it."""
        return [
            each.first._replace(message=f"{each.first.message}, in {each.rows:,} rows")
            if each.rows > 1
            else each.first
            for each in self._causes.get(path, {}).values()
        ]


def _row(data: bytes) -> object:
    try:
        return orjson.loads(data) if data else None
    except ValueError:  # the first look has a finding
        return None


def _shown(value: object) -> str:
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits, or nested too deep
        text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
