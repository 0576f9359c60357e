"""Statistics of training files, as tables and as JSON."""

from collections.abc import Mapping
from typing import Any

import orjson

from sftc.dataset.describe_file import Tally, percentiles, ranked
from sftc.report.tables import columns
from sftc.report.terminal import printable
from sftc.text.source import escaped

VERSION = 1


def statistics_table(tallies: Mapping[str, Tally]) -> str:
    """Return one table per file.

    Args:
        tallies: the statistics of each file, by path.
    """
    return "\n".join(_table(path, tally) for path, tally in tallies.items())


def _table(path: str, tally: Tally) -> str:
    messages = tally.roles.total()
    facts = [
        (
            "rows",
            f"{tally.rows:,}",
            f"{tally.unread:,} of them not read: `sftc dataset check`" if tally.unread else "",
        ),
        ("messages", f"{messages:,}", ""),
        *((f"  {role}", f"{number:,}", _share(number, messages)) for role, number in ranked(tally.roles)),
        ("tokens, estimated", f"{tally.all_tokens:,}", "UTF-8 bytes / 4"),
        ("rows with tools", f"{tally.with_tools:,}", ""),
        ("tool calls", f"{tally.calls:,}", ""),
        ("images", f"{tally.images:,}", ""),
        *(
            (
                f"{name} letters" if name != "emoji" else name,
                f"{number:,}",
                _share(number, tally.scripts.total()),
            )
            for name, number in ranked(tally.scripts)
        ),
    ]
    spread = [
        (name, *(f"{number:,}" for number in percentiles(counts).values()))
        for name, counts in _spread(tally).items()
        if counts
    ]
    head = ("per row", "min", "25 %", "median", "75 %", "95 %", "99 %", "max")
    return f"{printable(path)}\n\n{columns(facts)}" + (f"\n{columns([head, *spread])}" if spread else "")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"


def _spread(tally: Tally) -> dict[str, Any]:
    return {
        "turns of the assistant": tally.turns,
        "characters": tally.characters,
        "tokens, estimated": tally.tokens,
    }


def statistics_json(tallies: Mapping[str, Tally]) -> str:
    """Return the statistics of all files as one JSON document.

    Args:
        tallies: the statistics of each file, by path.
    """
    files = [{"path": escaped(path), **_object(tally)} for path, tally in tallies.items()]
    report = {"version": VERSION, "files": files}
    return orjson.dumps(report, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _object(tally: Tally) -> dict[str, Any]:
    return {
        "rows": tally.rows,
        "rows_not_read": tally.unread,
        "messages": dict(ranked(tally.roles)),
        "estimated_tokens": tally.all_tokens,
        "rows_with_tools": tally.with_tools,
        "tool_calls": tally.calls,
        "images": tally.images,
        "scripts": dict(ranked(tally.scripts)),
        "percentiles": {
            name: {str(percent): number for percent, number in percentiles(counts).items()}
            for name, counts in (
                ("turns", tally.turns),
                ("characters", tally.characters),
                ("estimated_tokens", tally.tokens),
            )
        },
    }
