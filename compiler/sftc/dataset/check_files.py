"""Checks training files: findings, row counts and digests, from one read of each file."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from gzip import BadGzipFile
from typing import Any, NamedTuple, Protocol, runtime_checkable

from sftc.dataset.chunks import Bounds, Chunk, Cutter, unread
from sftc.dataset.duplicates import Duplicates
from sftc.dataset.excerpt import whole_file
from sftc.dataset.inspect_chunk import Inspection, Inspector, Limits
from sftc.dataset.pool import Pool
from sftc.dataset.streams import NotJsonLinesError, Opened, UnreadableError, opened
from sftc.findings.finding import Finding
from sftc.findings.rule import Rule
from sftc.findings.stage_rules.rows import (
    DAMAGED_ARCHIVE,
    EMPTY_DATA,
    FILE_CHANGED,
    NOT_JSON_LINES,
    RELATIVE_PATHS,
    UNREADABLE_DATA,
)

OnFinding = Callable[[str, Finding], None]
OnRead = Callable[[str, int, int | None], None]


@runtime_checkable
class SecondLook(Protocol):
    """A further check of the rows of files, such as with the chat template of a model.

    Attributes:
        replaces: the rules about what may happen, where this look finds what does happen.
    """

    replaces: frozenset[str]

    def start(self) -> Callable[[str, Chunk], Any]:
        """Return the function that looks at a chunk of a file. Called in every process."""

    def take(self, path: str, seen: Any) -> None:
        """Add what that function returned for a chunk. Called in the order of the file."""

    def findings(self, path: str) -> Iterable[Finding]:
        """Return the findings about a file whose chunks were all taken."""


class CheckOptions(NamedTuple):
    """Options of a check.

    Attributes:
        max_errors: stop reading a file after this many errors, and keep at most this many findings
            of each rule that warns. 0 means no limit.
        examples: check only this many rows from the start of each file. `None` means all.
        tokens: the `sequence_length` of a config, or `None` to skip the checks of row length.
        jobs: the number of processes.
        bounds: the limits that keep memory bounded.
        second: a further check of the rows, if there is one.
        stops: whether `max_errors` errors stop the check of a file; otherwise they are only counted.
    """

    max_errors: int = 20
    examples: int | None = None
    tokens: int | None = None
    jobs: int = 1
    bounds: Bounds = Bounds()
    second: SecondLook | None = None
    stops: bool = True


class Checked(NamedTuple):
    """The result of checking a training file.

    Attributes:
        path: the path as given.
        findings: the findings that were kept.
        more: for each rule id, the number of findings that were not kept.
        rows: the number of rows that were checked.
        length: the size of these rows in bytes of JSON Lines, after decompression.
        digest: their SHA-256. Empty if the check stopped early or the file could not be opened.
        stopped: whether the check stopped because there were too many errors.
        is_whole: whether the whole file was checked.
    """

    path: str
    findings: tuple[Finding, ...]
    more: Counter[str]
    rows: int
    length: int
    digest: str
    stopped: bool
    is_whole: bool

    @property
    def ok(self) -> bool:
        """Whether the file has no errors. The service accepts only such files."""
        return not any(found.is_error for found in self.findings)


def check_files(
    paths: Iterable[str],
    options: CheckOptions = CheckOptions(),  # noqa: B008  it cannot be changed
    on_finding: OnFinding = lambda path, found: None,
    on_read: OnRead = lambda path, done, size: None,
) -> list[Checked]:
    """Check training files, report findings as they are found, and return the results.

    Args:
        paths: files of JSON Lines, plain or compressed (`.gz`, `.zst`), or `-`.
        options: the options of the check.
        on_finding: called with the path and each finding that is kept, in the order of the file.
        on_read: called with the path, the bytes read so far and the size on disk, if known.

    Returns:
        One result per file, in the order of `paths`. A file that cannot be read is a finding, not
        an exception.
    """
    duplicates = Duplicates(options.bounds.digests)
    start = options.second.start if options.second else None
    looker = partial(_look, Limits(options.max_errors, options.tokens, options.bounds.row), start)
    with Pool(looker, options.jobs, options.bounds) as pool:
        files = [
            _File(path, options, on_finding).check(pool, duplicates, on_read) for path in dict.fromkeys(paths)
        ]
    by_path = {file.path: file for file in files}
    for found in duplicates.findings():
        by_path[found.span.source.name].add(found)
    return [file.checked() for file in files]


Looks = tuple[Inspection, Any]
"""What the check and the second look return for a chunk."""


def _look(
    wanted: Limits, start: Callable[[], Callable[[str, Chunk], Any]] | None
) -> Callable[[str, Chunk], Looks]:
    first = Inspector(wanted).look
    second = start() if start else lambda name, chunk: None
    return lambda name, chunk: (first(name, chunk), second(name, chunk))


class _File:
    """The state of the check of one file."""

    def __init__(self, path: str, options: CheckOptions, on_finding: OnFinding) -> None:
        self.path = path
        self._options = options
        self._on_finding = on_finding
        self._findings: list[Finding] = []
        self._kept: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._rows = 0
        self._length = 0
        self._digest = ""
        self._stopped = False
        self._is_whole = False

    def check(self, pool: Pool[Looks], duplicates: Duplicates, on_read: OnRead) -> "_File":
        try:
            with opened(self.path) as file:
                self._read(file, pool, duplicates, on_read)
        except NotJsonLinesError as error:
            self._say(NOT_JSON_LINES, f"the file {error.what}", error.help)
        except UnreadableError as error:
            is_missing = isinstance(error.__cause__, FileNotFoundError) and not os.path.isabs(self.path)
            self._say(UNREADABLE_DATA, str(error), RELATIVE_PATHS if is_missing else None)
        return self

    def _read(self, file: Opened, pool: Pool[Looks], duplicates: Duplicates, on_read: OnRead) -> None:
        cutter = Cutter(file.stream, self._options.examples, self._options.bounds, self._options.jobs)
        with closing(cutter), closing(pool.map(self.path, cutter)) as looks:
            for look, seen in looks:
                self._take(look, duplicates)
                if self._options.second:
                    self._options.second.take(self.path, seen)
                on_read(self.path, file.position, file.size)
                if self._stopped:
                    break
            for found in self._options.second.findings(self.path) if self._options.second else ():
                self.add(found)
            if self._stopped:
                return
            self._digest = cutter.digest
        self._is_whole = self._options.examples is None or self._rows < self._options.examples
        if cutter.damage is not None:
            self._is_whole = False
            is_archive = not isinstance(cutter.damage, OSError) or isinstance(cutter.damage, BadGzipFile)
            self._say(DAMAGED_ARCHIVE if is_archive else UNREADABLE_DATA, unread(cutter))
        elif not self._rows:
            self._say(EMPTY_DATA, "the file has no rows")
        if change := file.changed():
            self._is_whole = False
            self._say(FILE_CHANGED, f"the file changed while it was being read: {change}")

    def _take(self, look: Inspection, duplicates: Duplicates) -> None:
        self._rows += len(look.digests)
        self._length += look.length
        replaced = self._options.second.replaces if self._options.second else frozenset()
        self._counts += Counter({id: number for id, number in look.counts.items() if id not in replaced})
        duplicates.add(self.path, look.digests, look.numbers)
        for found in look.findings:
            if found.id not in replaced:
                self.add(found, counted=True)
            if self._stopped:
                return

    def add(self, found: Finding, *, counted: bool = False) -> None:
        """Keep and report a finding, unless `max_errors` of its kind are already kept."""
        self._counts[found.id] += not counted
        kind, most = "error" if found.is_error else found.id, self._options.max_errors
        if most and self._kept[kind] >= most:
            return
        self._kept[kind] += 1
        self._kept[found.id] += found.is_error
        self._findings.append(found)
        self._on_finding(self.path, found)
        is_last = counted and found.is_error and self._kept[kind] == most
        self._stopped = self._stopped or (is_last and self._options.stops)

    def _say(self, rule: Rule, message: str, help: str | None = None) -> None:
        self.add(rule.finding(whole_file(self.path), message, help=help))

    def checked(self) -> Checked:
        more = Counter({id: number - self._kept[id] for id, number in self._counts.items()})
        return Checked(
            self.path,
            tuple(self._findings),
            +more,
            self._rows,
            self._length,
            self._digest,
            self._stopped,
            self._is_whole,
        )
