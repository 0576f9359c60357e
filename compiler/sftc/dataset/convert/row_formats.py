"""The row formats: which columns say what, as a table. How a row is taken apart by it."""

from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

Columns = Mapping[str, tuple[str, ...]]


class RowFormat(NamedTuple):
    """A format of rows.

    Attributes:
        name: its name for `--from`.
        title: how messages call it.
        needs: the columns that it needs, by what they become; the first that a row has counts.
        takes: the columns that it may have.
    """

    name: str
    title: str
    needs: Columns
    takes: Columns


class FormatReading(NamedTuple):
    """How the columns of a row are read.

    Attributes:
        format: the name of the format for `--from`.
        title: how messages call it.
        columns: the column names by what they become.
    """

    format: str
    title: str
    columns: dict[str, list[str]]


TARGETS: Final = ("system", "user", "assistant", "messages", "tools", "metadata")
"""What `--map` can make of a column."""

_MORE: Final[Columns] = {
    "system": ("system", "system_prompt", "system_message", "systeminstruction", "system_instruction"),
    "tools": ("tools", "functions", "body.tools", "body.functions"),
    "tool_choice": ("tool_choice", "function_call", "body.tool_choice", "body.function_call"),
    "metadata": ("metadata",),
}
_LISTS: Final = ("dialogue", "dialog", "turns", "conversation", "body.messages")
_QUESTIONS: Final = ("prompt", "question", "instruction", "query", "input", "user", "human")
_ANSWERS: Final = ("completion", "response", "answer", "output", "assistant", "reply", "gpt", "bot")

FORMATS: Final = (
    RowFormat("messages", "messages", {"messages": ("messages", *_LISTS)}, _MORE),
    RowFormat("sharegpt", "ShareGPT", {"messages": ("conversations", "messages", *_LISTS)}, _MORE),
    RowFormat("openai-functions", "OpenAI functions", {"messages": ("messages", *_LISTS)}, _MORE),
    RowFormat("gemini", "Gemini", {"messages": ("contents", "body.contents")}, _MORE),
    RowFormat("alpaca", "Alpaca", {"user": ("instruction",), "assistant": ("output",)},
              {**_MORE, "input": ("input",), "history": ("history",)}),
    RowFormat("prompt-completion", "a prompt and its completion",
              {"user": _QUESTIONS, "assistant": _ANSWERS}, _MORE),
    RowFormat("preference", "preferences, of which the chosen answer counts", {"assistant": ("chosen",)},
              {**_MORE, "user": _QUESTIONS}),
)  # fmt: skip
"""The formats, in the order in which they are tried."""

NAMES: Final = tuple(each.name for each in FORMATS)


def flat(value: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the columns of its `body` beside the others."""
    body = value.get("body")
    if not isinstance(body, dict):
        return value
    row = {name: each for name, each in value.items() if name != "body"}
    return {**row, **{f"body.{name}": each for name, each in body.items()}}


def reading_of(
    row: Mapping[str, Any],
    wanted: str | None = None,
    mapped: Mapping[str, str] = {},
) -> FormatReading | None:
    """Return how to read a row with these columns, or `None` if no format fits.

    Args:
        row: the columns with a value, by name.
        wanted: the name of the only format to try.
        mapped: what columns become, by name, whatever their format.
    """
    chosen: dict[str, list[str]] = {}
    for name, target in mapped.items():
        if row.get(name) is not None:
            chosen.setdefault(target, []).append(name)
    index = {
        name.strip().lower(): name
        for name in reversed([*row])
        if row[name] is not None and name not in mapped
    }
    for each in FORMATS:
        if wanted not in {None, each.name}:
            continue
        found = {target: _first(index, names) for target, names in each.needs.items() if target not in chosen}
        if "messages" in each.needs if "messages" in chosen else all(found.values()):
            more = {
                target: _first(index, names, {*found.values()})
                for target, names in each.takes.items()
                if target not in chosen
            }
            columns = {target: [column] for target, column in {**found, **more}.items() if column}
            return FormatReading(each.name, each.title, {**columns, **chosen})
    return None


def _first(index: Mapping[str, str], names: tuple[str, ...], but: Collection[str | None] = ()) -> str | None:
    return next((index[name] for name in names if name in index and index[name] not in but), None)


def options(reading: FormatReading) -> list[str]:
    """Return the options of the command that read rows in this way, without a guess."""
    by_name = {each.name: each for each in FORMATS}
    name = {"preference": "messages" if "user" not in reading.columns else "prompt-completion"}.get(
        reading.format, reading.format
    )
    usual = by_name[name].needs
    given = [f"--from {name}"]
    for target, columns in reading.columns.items():
        if target in usual and columns != [usual[target][0]]:
            given += [f"--map {column}={target}" for column in columns]
    return given
