"""The formats of rows: which columns become what, as a table, and how a row is read by it."""

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
        is_special: whether a row is of this format only if it has the columns under their own names.
    """

    name: str
    title: str
    needs: Columns
    takes: Columns
    is_special: bool = False


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


AUTHORS: Final = ("role", "from", "author", "speaker")
"""The names under which a message has its author."""


class Pinned(NamedTuple):
    """The options that read rows without a guess.

    Attributes:
        format: the name of the format for `--from`; `None` to detect it.
        columns: what columns become, for `--map`.
    """

    format: str | None
    columns: tuple[tuple[str, str], ...] = ()


TARGETS: Final = ("system", "user", "assistant", "messages", "tools", "metadata")
"""What `--map` can make of a column."""

_MORE: Final[Columns] = {
    "system": ("system", "system_prompt", "system_message", "systeminstruction", "system_instruction"),
    "tools": ("tools", "functions", "body.tools", "body.functions", "input.tools"),
    "tool_choice": ("tool_choice", "function_call", "body.tool_choice", "body.function_call"),
    "metadata": ("metadata",),
}
_REQUESTS: Final = ("body", "input")
"""The columns of batch requests and of preferences that have a request to a model inside."""
_LISTS: Final = ("dialogue", "dialog", "turns", "conversation", "body.messages")
_QUESTIONS: Final = ("prompt", "question", "instruction", "query", "problem", "input", "user", "human")
_ANSWERS: Final = (
    *("completion", "response", "solution", "answer", "output", "target", "assistant", "reply", "gpt", "bot"),
)
_BESIDE: Final[Columns] = {"input": ("input", "context"), "history": ("history",)}
"""What belongs to a question."""

FORMATS: Final = (
    RowFormat("messages", "messages", {"messages": ("messages", *_LISTS)}, _MORE),
    RowFormat("sharegpt", "ShareGPT", {"messages": ("conversations", "messages", *_LISTS)}, _MORE),
    RowFormat("openai-functions", "OpenAI functions", {"messages": ("messages", *_LISTS)}, _MORE),
    RowFormat("gemini", "Gemini", {"messages": ("contents", "body.contents")}, _MORE),
    RowFormat("alpaca", "Alpaca", {"user": ("instruction",), "assistant": ("output",)},
              {**_MORE, **_BESIDE}, is_special=True),
    RowFormat("prompt-completion", "a prompt and its completion",
              {"user": _QUESTIONS, "assistant": _ANSWERS}, {**_MORE, **_BESIDE}),
    RowFormat("preference", "preferences, of which the chosen answer counts",
              {"assistant": ("chosen", "preferred_output")},
              {**_MORE, "user": ("input.messages", *_QUESTIONS)}, is_special=True),
)  # fmt: skip
"""The formats, in the order in which they are tried."""

COLUMNS: Final = frozenset(
    name for each in FORMATS for names in (*each.needs.values(), *each.takes.values()) for name in names
)
"""The names of columns that are known, in lower case."""


def flat(value: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the columns of its `body` or `input` beside the others."""
    if not any(isinstance(value.get(name), dict) for name in _REQUESTS):
        return value
    return {
        name: each
        for outer, inner in value.items()
        for name, each in (
            ((f"{outer}.{name}", each) for name, each in inner.items())
            if outer in _REQUESTS and isinstance(inner, dict) and inner
            else [(outer, inner)]
        )
    }


_TRAINED: Final = ("train", "training")
"""What the rows to train on are called beside those of another split."""


def inner_rows(row: Mapping[str, Any]) -> str | None:
    """Return how to take rows out of the only list of objects in a row of unknown columns, if it has one."""
    lists = [
        name
        for name, each in row.items()
        if isinstance(each, list) and each[:1] and isinstance(each[0], dict)
    ]
    lists = [name for name in lists if name in _TRAINED] or lists
    if len(lists) != 1 or not lists[0].isidentifier():
        return None
    return f"if `{lists[0]}` has the rows, convert what `jq -c '.{lists[0]}[]'` prints"


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
        if each.is_special and len(found) < len(each.needs) and not wanted:
            continue
        if "messages" in each.needs if "messages" in chosen else all(found.values()):
            more = {
                target: _first(index, names, {*found.values()})
                for target, names in each.takes.items()
                if target not in chosen and (target != "input" or "user" not in chosen or each.is_special)
            }
            columns = {target: [column] for target, column in {**found, **more}.items() if column}
            kept = [index["metadata"]] if "metadata" in index and "metadata" in chosen else []
            beside = {"metadata": [*kept, *chosen["metadata"]]} if kept else {}
            return FormatReading(each.name, each.title, {**columns, **chosen, **beside})
    return None


def _first(index: Mapping[str, str], names: tuple[str, ...], but: Collection[str | None] = ()) -> str | None:
    return next((index[name] for name in names if name in index and index[name] not in but), None)


def pinned(reading: FormatReading) -> Pinned:
    """Return the options that read rows in this way, without a guess."""
    form = next(each for each in FORMATS if each.name == reading.format)
    columns = [
        (column, target)
        for target, columns in reading.columns.items()
        if target in form.needs and columns != [form.needs[target][0]]
        for column in columns
    ]
    if not form.is_special and "user" in {target for _, target in columns}:
        columns += [(column, "user") for column in reading.columns.get("input", ())]
    return Pinned(reading.format, tuple(columns))


def common(ways: Collection[Pinned]) -> Pinned | None:
    """Return the options that read rows in any of these ways, if there are such."""
    if len({way.columns for way in ways}) > 1:
        return None
    formats = {way.format for way in ways}
    if formats == {"messages", "openai-functions"}:
        formats.remove("messages")  # those of OpenAI are messages, some with a call
    return Pinned(formats.pop(), next(iter(ways)).columns) if len(formats) == 1 else None
