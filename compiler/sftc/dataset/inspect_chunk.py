"""Checks one chunk of rows. Runs in every process."""

from array import array
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import compress
from typing import NamedTuple

from stringzilla import hash

from sftc.dataset.chunks import MAX_ROW, SPACE, Chunk
from sftc.dataset.examine_row import locate, remarks
from sftc.dataset.excerpt import Line, Remark
from sftc.dataset.file_kind import BOM
from sftc.dataset.length import most_bytes
from sftc.dataset.sieve import Sieve
from sftc.dataset.skeletons import fastest_sieve
from sftc.findings.finding import Finding
from sftc.findings.stage_rules import rows

_NOT_ROWS = (rows.ROW_NOT_UTF8, rows.ROW_NOT_JSON)
"""The rules about a line that is not a row, and so cannot repeat one."""

_MOST = 100
"""Maximum findings of one rule in one row. Further ones are only counted."""


class Limits(NamedTuple):
    """The limits of a check.

    Attributes:
        keep: the maximum findings of each rule that a chunk reports; others are only counted.
            0 means no limit.
        tokens: the `sequence_length` of a config, if it sets one.
        row: the maximum size of a row in bytes.
    """

    keep: int
    tokens: int | None = None
    row: int = MAX_ROW


class Inspection(NamedTuple):
    """The result of checking a chunk.

    Attributes:
        length: the size of the chunk in bytes.
        findings: the findings that are kept.
        counts: the number of all findings by rule id.
        digests: one digest per row (unsigned, 64 bits).
        numbers: one line number per row.
    """

    length: int
    findings: list[Finding]
    counts: Counter[str]
    digests: "array[int]"
    numbers: "array[int]"


@cache
def _keep_memory() -> None:
    """Make this process keep the memory of a chunk for the next one.

    Freeing a large block raises the size above which glibc returns memory to the system. Otherwise, half
    of the measured time is spent on getting memory for each chunk.
    """
    bytes(16 << 20)


class Inspector:
    """Checks chunks, and remembers what their rows have in common from one chunk to the next."""

    def __init__(self, limits: Limits, make: Callable[[int], Sieve] = fastest_sieve) -> None:
        self._limits = limits
        self._sieve = make(most_bytes(limits.tokens) if limits.tokens else limits.row)
        _keep_memory()

    def look(self, name: str, chunk: Chunk) -> Inspection:
        """Return the result for a chunk of the file `name`."""
        look = Inspection(len(chunk.data) or chunk.skipped, [], Counter(), array("Q"), array("Q"))
        if chunk.skipped:
            self._too_large(name, chunk, look)
            return look
        data, byte = chunk.data, chunk.byte
        if chunk.byte == 0 and data.startswith(BOM):
            span = Line(name, 1, 0, BOM).span(0, 1)
            message = "the file begins with a byte order mark"
            help = "`sftc dataset convert` writes the rows without it"
            look.findings.append(rows.DATA_BYTE_ORDER_MARK.finding(span, message, help=help))
            look.counts[rows.DATA_BYTE_ORDER_MARK.id] += 1
            data, byte = data[len(BOM) :], byte + len(BOM)
        if not data.endswith(b"\n"):
            data += b"\n"
        blank = set()
        others = {}

        def examine(at: int, start: int, line: bytes) -> bool:
            if not line:
                blank.add(at)
                return False
            found = self._examine(Line(name, chunk.line + at, byte + start, line), look)
            if not line.lstrip(SPACE).startswith(b"{") or any(each.rule in _NOT_ROWS for each in found):
                others[at] = _own_digest(name, byte + start)
            return not found

        digests = self._sieve.sift(data, chunk.lines, examine)
        for at, digest in others.items():
            digests[at] = digest
        numbers = range(chunk.line, chunk.line + chunk.lines)
        if blank:
            full = [at not in blank for at in range(chunk.lines)]
            look.digests.extend(compress(digests, full))
            look.numbers.extend(compress(numbers, full))
        else:
            look.digests.extend(digests)
            look.numbers.extend(numbers)
        return look

    def _examine(self, line: Line, look: Inspection) -> list[Remark]:
        """Add the findings of a row, and return all remarks about it."""
        found = remarks(line.data, self._limits.tokens)
        keep = self._limits.keep
        rank: Counter[str] = Counter()
        kept = []
        for remark in found:
            rank[remark.rule.id] += 1
            if rank[remark.rule.id] <= (keep - look.counts[remark.rule.id] if keep else _MOST):
                kept.append(remark)
        look.counts.update(remark.rule.id for remark in found)
        if kept:
            look.findings.extend(locate(kept, line))
        return found

    def _too_large(self, name: str, chunk: Chunk, look: Inspection) -> None:
        message = f"this row has {chunk.skipped:,} bytes: the maximum is {self._limits.row:,}"
        span = Line(name, chunk.line, chunk.byte, b"...").span(0, 3)
        look.findings.append(rows.ROW_TOO_LARGE.finding(span, message))
        look.counts[rows.ROW_TOO_LARGE.id] += 1
        look.digests.append(_own_digest(name, chunk.byte))
        look.numbers.append(chunk.line)


def _own_digest(name: str, byte: int) -> int:
    """Return the digest of a line that is not a row, at that place of a file. No other has the same."""
    return int(hash(f"{name}:{byte}".encode("utf-8", "surrogateescape")))
