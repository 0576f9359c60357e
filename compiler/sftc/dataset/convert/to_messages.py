"""Turns a row of any format into a row of messages."""

import ast
import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import orjson

from sftc.dataset.convert.records import RowRecord
from sftc.dataset.convert.row_formats import FormatReading, flat, reading_of

MadeMessage = dict[str, Any]

ROLES: Final = {
    **dict.fromkeys(("system",), "system"),
    **dict.fromkeys(("developer",), "developer"),
    **dict.fromkeys(("user", "human", "prompter", "question", "customer"), "user"),
    **dict.fromkeys(
        ("assistant", "gpt", "chatgpt", "model", "bot", "ai", "agent", "answer", "claude"), "assistant"
    ),
    **dict.fromkeys(("tool", "observation", "tool_response", "ipython"), "tool"),
    **dict.fromkeys(("function",), "function"),
    **dict.fromkeys(("function_call", "tool_call"), "call"),
}
"""What the names of authors mean. `function` is a result and `call` a call, in their old form."""

AUTHORS: Final = ("role", "from", "author", "speaker")
CONTENTS: Final = ("content", "value", "text", "parts")
KEPT: Final = ("name", "tool_calls", "tool_call_id", "weight", "reasoning_content", "thinking", "reasoning")
"""The other names that a message keeps."""


class UnconvertibleRowError(Exception):
    """A row cannot be converted. The message gives the reason."""


class Notes:
    """What is not taken over as it is: counts of rows by the path of the field.

    Attributes:
        dropped: fields that are left out.
        nulls: fields that are left out because they are null or empty.
        changed: fields whose values are written in another way, with how.
    """

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        self.nulls: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()

    def add(self, other: "Notes") -> None:
        """Count the fields of a row."""
        self.dropped.update({*other.dropped})
        self.nulls.update({*other.nulls})
        self.changed.update({*other.changed})


class RowConverter:
    """Converts rows.

    Args:
        wanted: the name of the row format, or `None` to detect it.
        mapped: what columns and roles become, by name.
        system: the system message of rows that have none.
    """

    def __init__(self, wanted: str | None, mapped: Mapping[str, str], system: str | None) -> None:
        self._wanted = wanted
        self._mapped = mapped
        self._system = system
        self._unused = {*mapped}

    @property
    def unused(self) -> list[str]:
        """The names of `--map` that no row has."""
        return sorted(self._unused)

    def convert(self, record: RowRecord, notes: Notes) -> tuple[MadeMessage, FormatReading]:
        """Return the row of messages for a row, and how it was read.

        Raises:
            UnconvertibleRowError: it cannot be converted.
        """
        if record.fault:
            raise UnconvertibleRowError(record.fault)
        value = _parsed(record.value, "the row") if isinstance(record.value, str) else record.value
        if isinstance(value, list):
            value = {"messages": value}
        if not isinstance(value, dict):
            raise UnconvertibleRowError(f"the row is {_kind(value)}, not an object")
        row = flat(value)
        self._unused -= row.keys()
        reading = reading_of(row, self._wanted, self._mapped)
        if not reading:
            named = ", ".join(f"`{name[:40]}`" for name in [*row][:8])
            expected = f" of the format `{self._wanted}`" if self._wanted else ""
            raise UnconvertibleRowError(
                f"the row has no columns{expected} that are known: it has {named or 'none'}"
            )
        roles = _Roles(self._mapped, self._unused)
        made = _Row(row, reading, roles, notes, is_table=record.is_table)
        return made.made(self._system, self._wanted)


class _Roles(NamedTuple):
    """What `--map` makes of roles and columns, and the names of it that no row had so far."""

    mapped: Mapping[str, str]
    unused: set[str]


class _Row:
    """The conversion of one row."""

    def __init__(
        self, row: dict[str, Any], reading: FormatReading, roles: "_Roles", notes: Notes, *, is_table: bool
    ) -> None:
        self._row = row
        self._reading = reading
        self._roles = roles
        self._notes = notes
        self._is_table = is_table
        self._traits: set[str] = set()
        self._open: deque[tuple[str, str]] = deque()
        self._ids: set[str] = set()

    def made(self, system: str | None, wanted: str | None) -> tuple[MadeMessage, FormatReading]:
        columns = self._reading.columns
        messages = self._messages(columns)
        texts = [self._text(self._row[name], name) for name in columns.get("system", ())]
        given = "\n\n".join(text for text in texts if text.strip())
        if messages and messages[0]["role"] in {"system", "developer"}:
            if given and messages[0].get("content") != given:
                self._notes.dropped.update(columns["system"])
        elif given or system is not None:
            messages.insert(0, {"role": "system", "content": given or system})
        row: MadeMessage = {"messages": messages}
        self._more(columns, row)
        taken = {name for names in columns.values() for name in names}
        for name, each in self._row.items():
            if each is None:
                self._notes.nulls[name] += 1
            elif name not in taken:
                self._notes.dropped[name] += 1
        return row, self._named(wanted)

    def _named(self, wanted: str | None) -> FormatReading:
        """Return the reading, with the format that the messages show."""
        if "messages" not in self._reading.columns:
            return self._reading
        shown = next(
            (name for name in ("gemini", "sharegpt", "openai-functions") if name in self._traits), "messages"
        )
        if wanted in {None, shown} or shown == "messages" or "messages" in self._traits:
            titles = {"gemini": "Gemini", "sharegpt": "ShareGPT", "openai-functions": "OpenAI functions"}
            return self._reading._replace(
                format=wanted or shown, title=titles.get(wanted or shown, "messages")
            )
        if wanted == "messages":
            return self._reading
        raise UnconvertibleRowError(f"the row is of the format `{shown}`, not `{wanted}` as `--from` says")

    def _messages(self, columns: Mapping[str, list[str]]) -> list[MadeMessage]:  # noqa: C901  a step for each column
        if "messages" in columns:
            return [each for name in columns["messages"] for each in self._list(self._value(name), name)]
        made: list[MadeMessage] = []
        for pair in self._list_of("history", columns):
            if not (isinstance(pair, list) and len(pair) == 2):
                raise UnconvertibleRowError("`history` must be a list of pairs: a question and its answer")
            made += [{"role": role, "content": self._text(text, "history")} for role, text in
                     zip(("user", "assistant"), pair, strict=True)]  # fmt: skip
        asked = [name for target in ("user", "input") for name in columns.get(target, ())]
        answers = [self._value(name) for name in columns["assistant"]]
        if self._reading.format == "preference" and isinstance(answers[0], list):
            chosen = self._list(answers[0], columns["assistant"][0])
            if any(each["role"] == "user" for each in chosen):
                self._notes.dropped.update(asked)
                return chosen
        elif self._reading.format == "preference" and not asked:
            raise UnconvertibleRowError("`chosen` is text, and the row has no prompt")
        for role, names in (("user", asked), ("assistant", columns["assistant"])):
            texts = []
            for name in names:
                value = self._value(name)
                if isinstance(value, list):
                    made += self._list(value, name)
                elif (text := self._text(value, name)) or len(names) == 1:
                    texts.append(text)
                else:
                    self._notes.nulls[name] += 1
            if texts:
                made.append({"role": role, "content": "\n\n".join(texts)})
        return made

    def _list_of(self, target: str, columns: Mapping[str, list[str]]) -> list[Any]:
        value = [self._value(name) for name in columns.get(target, ())]
        return value[0] if value and isinstance(value[0], list) else []

    def _value(self, name: str) -> Any:
        """Return the value of a column; a list that is written as text is parsed."""
        value = self._row[name]
        if isinstance(value, str) and value.lstrip()[:1] == "[":
            target = next(target for target, names in self._reading.columns.items() if name in names)
            with suppress(UnconvertibleRowError):
                parsed = _parsed(value, f"`{name}`")
                if target in {"messages", "history", "tools"} or _are_messages(parsed):
                    return parsed
        return value

    def _text(self, value: Any, name: str) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._notes.changed[f"{name}: a number is written as text"] += 1
            return json.dumps(value)
        if isinstance(value, dict) and isinstance(value.get("parts"), list):
            return "".join(
                self._text(part.get("text") if isinstance(part, dict) else part, name)
                for part in value["parts"]
            )
        raise UnconvertibleRowError(f"`{name}` must be text, not {_kind(value)}")

    def _list(self, value: Any, name: str) -> list[MadeMessage]:
        if not isinstance(value, list):
            raise UnconvertibleRowError(f"`{name}` must be a list of messages, not {_kind(value)}")
        for each in value:
            calls = each.get("tool_calls") if isinstance(each, dict) else None
            self._ids.update(str(call.get("id")) for call in calls or () if isinstance(call, dict))
        return [
            made
            for at, each in enumerate(value)
            for made in self._message(each, f"{name}[{at}]", f"{name}[]")
        ]

    def _message(self, given: Any, place: str, path: str) -> Iterator[MadeMessage]:  # noqa: C901, PLR0912  a step for each name
        if not isinstance(given, dict):
            raise UnconvertibleRowError(f"`{place}` must be a message, not {_kind(given)}")
        each = {}
        for name, value in given.items():
            if value is None:
                self._notes.nulls[f"{path}.{name}"] += 1
            else:
                each[name] = self._pruned(value, f"{path}.{name}") if self._is_table else value
        author = next((name for name in AUTHORS if name in each), None)
        if not author:
            yield from self._by_roles(each, place)
            return
        content = next((name for name in CONTENTS if name in each), None)
        role = self._role(each[author], place)
        if author == "from":
            self._traits.add("sharegpt")
        elif content == "parts":
            self._traits.add("gemini")
        elif content in {None, "content"} and author == "role":
            self._traits |= {"openai-functions"} if "function_call" in each or role == "function" else set()
        for name in each.keys() - {author, content, *KEPT, "function_call"}:
            self._notes.dropped[f"{path}.{name}"] += 1
        if content == "parts":
            yield from self._parts(role, each["parts"], place, path)
            return
        made: MadeMessage = {"role": role}
        if content:
            value = each[content]
            made["content"] = (
                value if isinstance(value, list | dict | str) else self._text(value, f"{path}.{content}")
            )
        if role == "call":
            yield self._call_message(made["content"], place)
            return
        made |= {name: each[name] for name in KEPT if name in each}
        if "tool_calls" in made:
            made["tool_calls"] = self._calls(made["tool_calls"], place, path)
        if call := each.get("function_call"):
            if made.get("tool_calls"):
                self._notes.dropped[f"{path}.function_call"] += 1
            else:
                made["tool_calls"] = [self._call(call, place)]
        if role == "function" or (role == "tool" and author == "from" and "tool_call_id" not in made):
            made["role"] = "tool"
            if answered := self._answered(made.get("name")):
                made["tool_call_id"] = answered
        yield made

    def _pruned(self, value: Any, path: str) -> Any:
        """Return a value of a table without the nulls that fill its structures."""
        if isinstance(value, list):
            return [self._pruned(each, f"{path}[]") for each in value]
        if isinstance(value, dict):
            for name in value:
                if value[name] is None:
                    self._notes.nulls[f"{path}.{name}"] += 1
            return {
                name: self._pruned(each, f"{path}.{name}") for name, each in value.items() if each is not None
            }
        return value

    def _by_roles(self, each: MadeMessage, place: str) -> Iterator[MadeMessage]:
        """Yield the messages of an object whose names are roles."""
        if not each:
            raise UnconvertibleRowError(f"`{place}` is empty")
        for name, value in each.items():
            if name.lower() not in ROLES and name not in self._roles.mapped:
                named = ", ".join(f"`{key[:40]}`" for key in [*each][:8])
                raise UnconvertibleRowError(f"`{place}` has {named} instead of `role` and `content`")
            yield {"role": self._role(name, place), "content": self._text(value, place)}

    def _role(self, given: Any, place: str) -> str:
        if not isinstance(given, str):
            raise UnconvertibleRowError(f"the role of `{place}` must be text, not {_kind(given)}")
        if role := self._roles.mapped.get(given) or ROLES.get(given.strip().lower()):
            self._roles.unused.discard(given)
            return role
        name = given[:40]
        help = f"pass `--map {name}=user` or `--map {name}=assistant`"
        raise UnconvertibleRowError(f"the role `{name}` of `{place}` is not known: {help}")

    def _id(self) -> str:
        number = 1
        while f"call_{number}" in self._ids:
            number += 1
        self._ids.add(f"call_{number}")
        return f"call_{number}"

    def _call(self, call: Any, place: str, id: str | None = None) -> MadeMessage:
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise UnconvertibleRowError(f"the call in `{place}` must be an object with a `name`")
        given = call.get("arguments", call.get("args", {}))
        arguments = given if isinstance(given, str) else _json(given)
        id = id or self._id()
        self._open.append((call["name"], id))
        return {"id": id, "type": "function", "function": {"name": call["name"], "arguments": arguments}}

    def _calls(self, calls: Any, place: str, path: str) -> Any:
        if not isinstance(calls, list):
            raise UnconvertibleRowError(f"`tool_calls` of `{place}` must be a list, not {_kind(calls)}")
        made = []
        for call in calls:
            if isinstance(call, dict):
                for name in call:
                    if call[name] is None:
                        self._notes.nulls[f"{path}.tool_calls[].{name}"] += 1
                call = {name: each for name, each in call.items() if each is not None}  # noqa: PLW2901
            made.append(call)
        return made

    def _call_message(self, value: Any, place: str) -> MadeMessage:
        calls = _parsed(value, f"the call in `{place}`") if isinstance(value, str) else value
        made = [self._call(call, place) for call in (calls if isinstance(calls, list) else [calls])]
        return {"role": "assistant", "tool_calls": made}

    def _answered(self, name: Any) -> str | None:
        """Return the id of the oldest call without a result, of the tool `name` if it is known."""
        fit = next((each for each in self._open if name in {None, each[0]}), None)
        if fit:
            self._open.remove(fit)
        return fit and fit[1]

    def _parts(self, role: str, parts: Any, place: str, path: str) -> Iterator[MadeMessage]:
        """Yield the messages of a Gemini message: its texts and calls, then its results."""
        texts: list[str] = []
        calls: list[MadeMessage] = []
        results: list[MadeMessage] = []
        for given in parts if isinstance(parts, list) else [parts]:
            part = {"text": given} if isinstance(given, str) else given
            part = (
                {name: each for name, each in part.items() if each is not None}
                if isinstance(part, dict)
                else {}
            )
            call = part.get("functionCall", part.get("function_call"))
            result = part.get("functionResponse", part.get("function_response"))
            if call is not None:
                calls.append(self._call(call, place, call.get("id") if isinstance(call, dict) else None))
            elif isinstance(result, dict):
                name = result.get("name")
                open_ids = [id for _, id in self._open]
                answered = result["id"] if result.get("id") in open_ids else self._answered(name)
                response = result.get("response")
                made = {"role": "tool", "content": response if isinstance(response, str) else _json(response)}
                results.append({**made, **({"name": name} if name else {}),
                                **({"tool_call_id": answered} if answered else {})})  # fmt: skip
            elif isinstance(part.get("text"), str):
                texts.append(part["text"])
                for name in part.keys() - {"text"}:
                    self._notes.dropped[f"{path}.parts[].{name}"] += 1
            else:
                named = ", ".join(f"`{name}`" for name in part) or _kind(given)
                raise UnconvertibleRowError(f"a part of `{place}` is not text: it has {named}")
        if texts or calls:
            content = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
            yield {
                "role": role,
                **({"content": content} if texts else {}),
                **({"tool_calls": calls} if calls else {}),
            }
        yield from results

    def _more(self, columns: Mapping[str, list[str]], row: MadeMessage) -> None:
        """Add the columns that a row of messages keeps."""
        for name in columns.get("tools", ()):
            self._tools(name, row)
        for name in columns.get("tool_choice", ()):
            value = self._row[name]
            if name.endswith("function_call") and isinstance(value, dict):
                value = {"type": "function", "function": value}
            if isinstance(value, str | dict):
                row["tool_choice"] = value
            else:
                self._notes.dropped[name] += 1
        kept: dict[str, Any] = {}
        for name in columns.get("metadata", ()):
            value = self._row[name]
            kept.update(value if name == "metadata" and isinstance(value, dict) else {name: value})
        if columns.get("metadata"):
            row["metadata"] = kept

    def _tools(self, name: str, row: MadeMessage) -> None:
        tools = self._row[name]
        if isinstance(tools, str):
            if not tools.strip():
                self._notes.nulls[name] += 1
                return
            tools = _parsed(tools, f"`{name}`")
        if not isinstance(tools, list):
            raise UnconvertibleRowError(f"`{name}` must be a list of tools, not {_kind(tools)}")
        if self._is_table:
            tools = self._pruned(tools, f"{name}[]")
        if name.endswith("functions"):
            self._traits.add("openai-functions")
        made: list[Any] = []
        for tool in tools:
            inner = (
                tool.get("functionDeclarations", tool.get("function_declarations"))
                if isinstance(tool, dict)
                else None
            )
            for each in inner if isinstance(inner, list) else [tool]:
                is_bare = isinstance(each, dict) and "name" in each and not each.keys() & {"type", "function"}
                made.append({"type": "function", "function": each} if is_bare else each)
        row["tools"] = made


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(
        isinstance(each, dict) and any(name in each for name in AUTHORS) for each in value
    )  # fmt: skip


def _parsed(text: str, name: str) -> Any:
    """Return the value that is written in `text` as JSON, or as Python writes lists.

    Raises:
        UnconvertibleRowError: it is neither.
    """
    with suppress(ValueError):
        return orjson.loads(text)
    with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
        return ast.literal_eval(text.strip())
    raise UnconvertibleRowError(f"{name} is text, and not JSON: `{text[:40]}`")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _kind(value: Any) -> str:
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "null" if value is None else type(value).__name__)
