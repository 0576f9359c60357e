"""Finds rows that occur more than once, by their digests, in bounded memory."""

from array import array
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from sftc.dataset.excerpt import whole_file
from sftc.findings.finding import Finding
from sftc.findings.stage_rules.conversations import DUPLICATE_ROWS, SHARED_ROWS
from sftc.text.source import escaped

if find_spec("numpy") is None:  # numpy is imported on first use: report early that it is missing
    raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

_SHOWN: Final = 3

_FEW: Final = 1 << 16
"""Number of digests that are compared without numpy, in less time than its import takes."""

_BLOCK: Final = 1 << 18
"""Number of digests that are looked up at a time."""

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

    Digests = NDArray[np.uint64]
    Mask = NDArray[np.bool_]
    Arrays = tuple[array[int], array[int]]


class Duplicates:
    """The digests of the rows of some files, or a uniform sample if there are more than `capacity`.

    The digest alone decides whether a row is in the sample, so equal rows are either all in it or
    all out of it.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._files: dict[str, tuple[array[int], array[int]]] = {}
        self._halvings = 0
        self._dropped: dict[str, tuple[array[int], array[int]]] = {}

    def add(self, path: str, digests: "array[int]", numbers: "array[int]") -> None:
        """Add the digests of rows of a file, and the numbers of their lines."""
        kept = self._files.setdefault(path, (array("Q"), array("Q")))
        self._dropped.setdefault(path, (array("Q"), array("Q")))
        new = self._sampled((digests, numbers)) if self._halvings else (digests, numbers)
        for old, more in zip(kept, new, strict=True):
            old.extend(more)
        if self._total() > self._capacity:
            for name in self._files:
                self._thin(name)
        while self._total() > self._capacity:
            self._halvings += 1
            self._files = {name: self._sampled(each) for name, each in self._files.items()}

    def _total(self) -> int:
        return sum(len(digests) for digests, _ in self._files.values())

    def _thin(self, path: str) -> None:
        """Keep two of each group of equal rows of a file, and only the count of the others."""
        np = _numpy()
        digests, numbers = (np.frombuffer(each, np.uint64) for each in self._files[path])
        often = _repeated(digests, times=3)
        if not len(often):
            return
        at = np.flatnonzero(_among(digests, often))
        order = at[np.argsort(digests[at], kind="stable")]
        third = order[2:][digests[order[2:]] == digests[order[:-2]]]
        keep = np.ones(len(digests), bool)
        keep[third] = False
        dropped, counts = np.unique(digests[third], return_counts=True)
        self._files[path] = _arrays(digests[keep], numbers[keep])
        for old, more in zip(
            self._dropped[path],
            _arrays(dropped, counts.astype(np.uint64) << np.uint64(self._halvings)),
            strict=True,
        ):
            old.extend(more)

    def _sampled(self, arrays: "Arrays") -> "Arrays":
        """Return the items of `arrays` in the sample. The first array has the digests that decide it."""
        np = _numpy()
        digests, others = (np.frombuffer(each, np.uint64) for each in arrays)
        keep = digests >> np.uint64(64 - self._halvings) == 0
        return _arrays(digests[keep], others[keep])

    def findings(self) -> Iterator[Finding]:
        """Yield the findings about rows that occur again in the same file or in an earlier one."""
        if not self._halvings and self._total() <= _FEW and not self._repeats():
            return
        np = _numpy()
        earlier: list[str] = []
        for path, (digests, numbers) in self._files.items():
            rows, lines = np.frombuffer(digests, np.uint64), np.frombuffer(numbers, np.uint64)
            yield from self._within(path, rows, lines)
            for other in earlier:
                yield from self._between(path, rows, lines, other)
            earlier.append(path)

    def _repeats(self) -> bool:
        """Return whether any row occurs again: most small files need no numpy, which takes long to import."""
        digests = [digest for each, _ in self._files.values() for digest in each]
        return len({*digests}) < len(digests)

    def _within(self, path: str, rows: "Digests", lines: "Digests") -> Iterator[Finding]:
        np = _numpy()
        at = np.flatnonzero(_among(rows, _repeated(rows, times=2)))
        _, first, which = np.unique(rows[at], return_index=True, return_inverse=True)
        again = np.delete(np.arange(len(at)), first)
        number = (len(again) << self._halvings) + sum(self._dropped[path][1])
        if number:
            pairs = [
                f"line {lines[at[each]]:,} repeats line {lines[at[first[which[each]]]]:,}"
                for each in again[:_SHOWN]
            ]
            verb = "repeat" if number > 1 else "repeats"
            message = f"{self._rows(number)} {verb} an earlier row{_listed(pairs, number)}"
            yield DUPLICATE_ROWS.finding(whole_file(path), message)

    def _between(self, path: str, rows: "Digests", lines: "Digests", other: str) -> Iterator[Finding]:
        np = _numpy()
        others, numbers = (np.frombuffer(each, np.uint64) for each in self._files[other])
        known = np.sort(others)
        shared = np.flatnonzero(_among(rows, known))
        dropped, counts = (np.frombuffer(each, np.uint64) for each in self._dropped[path])
        number = (len(shared) << self._halvings) + int(counts[_among(dropped, known)].sum())
        del known
        if number:
            pairs = [
                f"line {lines[at]:,} is line {numbers[np.flatnonzero(others == rows[at])[0]]:,} there"
                for at in shared[:_SHOWN]
            ]
            verb = "occur" if number > 1 else "occurs"
            message = f"{self._rows(number)} also {verb} in {escaped(other)}{_listed(pairs, number)}"
            yield SHARED_ROWS.finding(whole_file(path), message)

    def _rows(self, number: int) -> str:
        """Return the number of rows as text, and say so if it is an estimate."""
        if self._halvings:
            return f"about {number:,} rows (estimated from 1 row in {1 << self._halvings})"
        return f"{number:,} row{'s' if number > 1 else ''}"


def _numpy() -> "ModuleType":
    """Import and return numpy, without the threads of its linear algebra library."""
    import os

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import numpy as np

    return np


def _listed(pairs: list[str], number: int) -> str:
    if not pairs:
        return ""
    return f": {', '.join(pairs)}" + (", and more" if number > len(pairs) else "")


def _repeated(digests: "Digests", times: int) -> "Digests":
    """Return, sorted, the digests that occur at least `times` times."""
    np = _numpy()
    ordered = np.sort(digests)
    found: Digests = np.unique(ordered[times - 1 :][ordered[times - 1 :] == ordered[: 1 - times]])
    return found


def _among(digests: "Digests", known: "Digests") -> "Mask":
    """Return a mask of the `digests` that are in `known`, which is sorted. Works in blocks to save memory."""
    np = _numpy()
    found: Mask = np.zeros(len(digests), bool)
    for start in range(0, len(digests) if len(known) else 0, _BLOCK):
        block = digests[start : start + _BLOCK]
        at = np.searchsorted(known, block)
        at[at == len(known)] = 0
        found[start : start + _BLOCK] = known[at] == block
    return found


def _arrays(*items: "Digests") -> "Arrays":
    made = array("Q"), array("Q")
    for each, item in zip(made, items, strict=True):
        each.frombytes(item.data.cast("B"))
    return made
