"""Describes training files: counts of rows, messages, lengths, tools, images and scripts."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson

from sftc.contract.versions import PACKAGED
from sftc.dataset import scripts
from sftc.dataset.advice import is_image, texts
from sftc.dataset.chunks import Chunk, Cutter, unread
from sftc.dataset.length import USUAL_BYTES_A_TOKEN
from sftc.dataset.pool import Pool
from sftc.dataset.streams import UnreadableError, opened

PERCENTILES: Final = (0, 25, 50, 75, 95, 99, 100)

_EXACT: Final = 1000
"""Distributions keep numbers below this exactly, and three digits of larger ones."""


@dataclass
class Tally:
    """Statistics of some rows.

    `turns` (assistant messages), `characters` and `tokens` are distributions: the number of rows by
    value, where a value of 1,234 counts as 1,230.

    Attributes:
        rows: the number of rows.
        unread: the number of rows that are not JSON or do not fit the schema. No other statistic
            except `rows` includes them.
        roles: the number of messages by role.
        turns: the number of rows by their number of assistant messages.
        characters: the number of rows by their characters of text.
        tokens: the number of rows by their estimated tokens: UTF-8 bytes of text / `USUAL_BYTES_A_TOKEN`.
        all_tokens: the estimated tokens of all rows.
        with_tools: the number of rows with `tools`.
        calls: the number of tool calls.
        images: the number of image parts.
        scripts: the number of characters by script.
    """

    rows: int = 0
    unread: int = 0
    roles: Counter[str] = field(default_factory=Counter)
    turns: Counter[int] = field(default_factory=Counter)
    characters: Counter[int] = field(default_factory=Counter)
    tokens: Counter[int] = field(default_factory=Counter)
    all_tokens: int = 0
    with_tools: int = 0
    calls: int = 0
    images: int = 0
    scripts: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: Self) -> Self:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self


def describe_file(
    path: str, jobs: int = 1, step: Callable[[str, int, int | None], None] = lambda path, done, size: None
) -> Tally:
    """Return a description of the training file at `path`.

    Raises:
        UnreadableError: the file cannot be read to its end.
    """
    total = Tally()
    with opened(path) as file, Pool(_work, jobs) as pool:
        cutter = Cutter(file.stream)
        for tally in pool.map(path, cutter):
            total += tally
            step(path, file.position, file.size)
        if cutter.damage is not None:
            raise UnreadableError(unread(cutter))
    return total


def percentiles(counts: Counter[int], wanted: Iterable[int] = PERCENTILES) -> dict[int, int]:
    """Return the `wanted` percentiles of a distribution, by the nearest-rank method."""
    ordered, total = sorted(counts.items()), counts.total()
    found = {}
    for percent in wanted:
        rank, below = max(1, -(-total * percent // 100)), 0
        for number, rows in ordered:
            below += rows
            if below >= rank:
                found[percent] = number
                break
    return found


def ranked(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return names and counts, sorted by descending count, then by name."""
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _work() -> Callable[[str, Chunk], Tally]:
    accepts = PACKAGED.accepts_row

    def work(path: str, chunk: Chunk) -> Tally:
        tally = Tally(unread=int(chunk.skipped > 0), rows=int(chunk.skipped > 0))
        seen: list[str] = []
        for line in chunk.data.split(b"\n"):
            if line.strip():
                tally.rows += 1
                try:
                    row = orjson.loads(line)
                except ValueError:
                    row = None
                if row is not None and accepts(row):
                    _count(tally, row, seen)
                else:
                    tally.unread += 1
        tally.scripts = scripts.count_scripts("".join(seen))
        return tally

    return work


def _count(tally: Tally, row: dict[str, Any], seen: list[str]) -> None:
    """Add a row to `tally`, and its texts to `seen`."""
    characters = size = 0
    for message in row["messages"]:
        tally.roles[message["role"]] += 1
        tally.calls += len(message.get("tool_calls") or ())
        content = message.get("content")
        if isinstance(content, list):
            tally.images += sum(map(is_image, content))
        for _, text in texts(message):
            seen.append(text)
            characters += len(text)
            size += len(text) if text.isascii() else len(text.encode())
    tokens = -(-size // USUAL_BYTES_A_TOKEN)
    tally.with_tools += bool(row.get("tools"))
    tally.turns[_rounded(sum(each["role"] == "assistant" for each in row["messages"]))] += 1
    tally.characters[_rounded(characters)] += 1
    tally.tokens[_rounded(tokens)] += 1
    tally.all_tokens += tokens


def _rounded(number: int) -> int:
    unit = 1
    while number >= _EXACT * unit:
        unit *= 10
    return number // unit * unit
