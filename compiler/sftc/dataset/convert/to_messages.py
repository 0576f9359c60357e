"""Turns a row of any format into a row of messages."""

import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from sftc.dataset.convert.python_literal import NotLiteralError, python_literal
from sftc.dataset.convert.records import RepeatedNameError, RowRecord, exact
from sftc.dataset.convert.row_formats import AUTHORS, FormatReading, flat, reading_of

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


CONTENTS: Final = ("content", "value", "text", "parts")
ARGUMENTS: Final = ("arguments", "args", "parameters", "input")
"""The names under which a call has its arguments."""
KEPT: Final = ("name", "tool_calls", "tool_call_id", "weight", "reasoning_content", "thinking", "reasoning")
"""The other names that a message keeps."""


_FIELDS: Final = 1000
"""The names of fields that are counted."""
_COLUMNS: Final = 100
"""The columns of a row for which it is remembered how they are read."""
_PAIRED: Final = ("user", "input", "history", "assistant")
"""What columns become that do not have whole conversations."""
_USUAL: Final = ("system", "user", "assistant")
_SYSTEM: Final = ("system", "developer")


class UnconvertibleRowError(Exception):
    """A row cannot be converted. The message gives the reason."""


_CALLS: Final = ("functionCall", "function_call")
_RESULTS: Final = ("functionResponse", "function_response")


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
        """Count the fields of a row. Beyond a thousand, they are counted together."""
        for mine, others in (
            (self.dropped, other.dropped),
            (self.nulls, other.nulls),
            (self.changed, other.changed),
        ):
            is_full = len(mine) >= _FIELDS
            mine.update({name if not is_full or name in mine else "other fields" for name in others})


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
        self._readings: dict[tuple[str, ...], FormatReading | None] = {}

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
        reading = self._reading(row)
        if not reading:
            raise UnconvertibleRowError(self._unread(row))
        roles = _Roles(self._mapped, self._unused)
        made = _Row(row, reading, roles, notes, record)
        return made.made(self._system, self._wanted)

    def _reading(self, row: Mapping[str, Any]) -> FormatReading | None:
        """Return how to read a row, which the names of its columns decide."""
        names = tuple(name for name, each in row.items() if each is not None)
        if names not in self._readings:
            if len(names) > _COLUMNS or len(self._readings) > _FIELDS:
                self._readings.clear()
            self._readings[names] = reading_of(row, self._wanted, self._mapped)
        return self._readings[names]

    def _unread(self, row: Mapping[str, Any]) -> str:
        """Return why no format fits a row."""
        filled = {name: "" if each is None else each for name, each in row.items()}
        if reading := reading_of(filled, self._wanted, self._mapped):
            names = [name for names in reading.columns.values() for name in names if row[name] is None]
            return f"`{names[0]}` is empty"
        named = ", ".join(f"`{name[:40]}`" for name in [*row][:8])
        expected = f" of the format `{self._wanted}`" if self._wanted else ""
        text = f"the row has no columns{expected} that are known: it has {named or 'none'}"
        lists = [
            name
            for name, each in row.items()
            if isinstance(each, list) and each[:1] and isinstance(each[0], dict)
        ]
        if len(lists) == 1 and lists[0].isidentifier():
            text += f"; if `{lists[0]}` has the rows, convert what `jq -c '.{lists[0]}[]'` prints"
        return text


class _Roles(NamedTuple):
    """What `--map` makes of roles and columns, and the names of it that no row had so far."""

    mapped: Mapping[str, str]
    unused: set[str]


class _Row:
    """The conversion of one row."""

    def __init__(
        self,
        row: dict[str, Any],
        reading: FormatReading,
        roles: "_Roles",
        notes: Notes,
        record: RowRecord,
    ) -> None:
        self._row = row
        self._reading = reading
        self._roles = roles
        self._notes = notes
        self._is_table = record.is_table
        self._changed = record.changed
        self._traits: set[str] = set()
        self._open: deque[tuple[str, str]] = deque()
        self._ids: set[str] = set()

    def made(self, system: str | None, wanted: str | None) -> tuple[MadeMessage, FormatReading]:
        columns = self._reading.columns
        messages = self._messages(columns)
        texts = {name: self._text(self._row[name], name) for name in columns.get("system", ())}
        given = "\n\n".join(text for text in texts.values() if text.strip())
        self._notes.nulls.update(name for name, text in texts.items() if not text.strip())
        if messages and messages[0]["role"] in _SYSTEM:
            if given and messages[0].get("content") != given:
                self._notes.dropped.update(columns["system"])
        elif given or system is not None:
            messages.insert(0, {"role": "system", "content": given or system})
        row: MadeMessage = {"messages": messages}
        self._more(columns, row)
        unused = _PAIRED if "messages" in columns else ()
        taken = {name for target, names in columns.items() if target not in unused for name in names}
        for name, each in self._row.items():
            if each is None:
                self._notes.nulls[name] += 1
            elif name not in taken:
                self._notes.dropped[name] += 1
        for name, how in self._changed:
            if name.partition(".")[0].partition("[")[0] not in self._notes.dropped:
                self._notes.changed[f"{name}: {how}"] += 1
        return row, self._named(wanted)

    def _named(self, wanted: str | None) -> FormatReading:
        """Return the reading, with the format that the messages show."""
        if "messages" not in self._reading.columns:
            return self._reading
        shown = next(
            (name for name in ("gemini", "sharegpt", "openai-functions") if name in self._traits), "messages"
        )
        if wanted in {None, shown, "messages"} or shown == "messages":
            titles = {"gemini": "Gemini", "sharegpt": "ShareGPT", "openai-functions": "OpenAI functions"}
            name = wanted or shown
            return self._reading._replace(format=name, title=titles.get(name, "messages"))
        raise UnconvertibleRowError(f"the row is of the format `{shown}`, not `{wanted}` as `--from` says")

    def _messages(self, columns: Mapping[str, list[str]]) -> list[MadeMessage]:
        if "messages" in columns:
            return [each for name in columns["messages"] for each in self._list(self._value(name), name)]
        names = [name for target in ("user", "input") for name in columns.get(target, ())]
        asked = self._turns("user", names)
        answer = self._turns("assistant", columns["assistant"])
        if self._reading.format == "preference" and answer and not asked:
            if not any(each["role"] == "user" for each in answer):
                raise UnconvertibleRowError(
                    f"`{columns['assistant'][0]}` is an answer, and the row has no prompt"
                )
        elif self._reading.format == "preference":
            self._take_prompt_off(asked, answer)
        return [*self._history(columns), *self._joined(asked, answer, names)]

    def _turns(self, role: str, names: list[str]) -> list[MadeMessage]:
        """Return the messages of columns that have lists of messages, or texts of one message."""
        made: list[MadeMessage] = []
        texts = []
        for name in names:
            value = self._value(name)
            if isinstance(value, list):
                made += self._list(value, name)
            elif (text := self._text(value, name)) or len(names) == 1:
                texts.append(text)
            else:
                self._notes.nulls[name] += 1
        return [*made, {"role": role, "content": "\n\n".join(texts)}] if texts else made

    def _take_prompt_off(self, asked: list[MadeMessage], answer: list[MadeMessage]) -> None:
        """Take the prompt off the beginning of a chosen text, if the rejected text begins with it, too."""
        if not asked or len(answer) != 1:
            return
        prompt, text = asked[-1].get("content"), answer[0].get("content")
        rejected = next((each for name, each in self._row.items() if name.lower() == "rejected"), None)
        texts = [each for each in (text, rejected) if isinstance(each, str)]
        if len(texts) != 2 or not isinstance(prompt, str) or not prompt.strip():
            return
        if all(each.startswith(prompt) and each != prompt for each in texts):
            answer[0]["content"] = texts[0].removeprefix(prompt)
            name = self._reading.columns["assistant"][0]
            self._notes.changed[f"{name}: the prompt at its beginning is taken off"] += 1

    def _joined(
        self, asked: list[MadeMessage], answer: list[MadeMessage], names: list[str]
    ) -> list[MadeMessage]:
        """Return the whole conversation of a prompt and an answer, which may begin with the prompt."""
        head, question = _parted(asked)
        other_head, rest = _parted(answer)
        if not question or not rest or rest[0]["role"] not in {"user", *_SYSTEM}:
            return [*asked, *answer]
        if [*map(_core, rest[: len(question)])] == [*map(_core, question)]:
            if head and other_head and [*map(_core, head)] != [*map(_core, other_head)]:
                raise UnconvertibleRowError("the prompt and the answer have different system messages")
            return [*(other_head or head), *rest]
        if len(question) == 1 and _core(question[0]) in map(_core, rest):
            return answer
        if question[-1]["role"] == "assistant":
            return [*asked, *answer]
        if all(isinstance(self._row[name], str) for name in names) and not head:
            self._notes.dropped.update(names)
            return answer
        chosen = self._reading.columns["assistant"][0]
        raise UnconvertibleRowError(f"`{chosen}` and `{names[0]}` begin with different questions")

    def _history(self, columns: Mapping[str, list[str]]) -> list[MadeMessage]:
        made: list[MadeMessage] = []
        for name in columns.get("history", ()):
            pairs = self._value(name)
            if pairs == "":
                self._notes.nulls[name] += 1
                continue
            for pair in pairs if isinstance(pairs, list) else [None]:
                if not (isinstance(pair, list) and len(pair) == len(("question", "answer"))):
                    text = f"`{name}` must be a list of pairs: a question and its answer"
                    raise UnconvertibleRowError(text)
                question, answer = (self._text(each, name) for each in pair)
                made += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return made

    def _value(self, name: str) -> Any:
        """Return the value of a column. A list in text is parsed; a message is a list of one."""
        value = self._row[name]
        target = next(target for target, names in self._reading.columns.items() if name in names)
        if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
            if target in {"messages", "history"}:
                return _parsed(value, f"`{name}`")
            with suppress(UnconvertibleRowError):
                if _are_messages(parsed := _parsed(value, f"`{name}`")):
                    return parsed
        if target in {"user", "assistant"} and isinstance(value, dict):
            return [value] if _are_messages([value]) else self._untransposed(value, name)
        return value

    def _untransposed(self, value: Any, name: str) -> Any:
        """Return the messages of an object that has a list for each of their fields."""
        lists = [*value.values()] if isinstance(value, dict) else []
        is_table = bool(lists) and all(isinstance(each, list) for each in lists) and _are_messages([value])
        if not is_table or len({len(each) for each in lists}) != 1:
            return value
        self._notes.changed[f"{name}: lists of fields are written as messages"] += 1
        return [dict(zip(value, each, strict=True)) for each in zip(*lists, strict=True)]

    def _text(self, value: Any, name: str) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._notes.changed[f"{name}: a number is written as text"] += 1
            return json.dumps(value)
        if isinstance(value, dict) and isinstance(value.get("parts"), list):
            self._notes.dropped.update(f"{name}.{key}" for key in value.keys() - {"parts"})
            texts = []
            for part in value["parts"]:
                if isinstance(part, dict):
                    self._notes.dropped.update(f"{name}.parts[].{key}" for key in part.keys() - {"text"})
                texts.append(self._text(part.get("text") if isinstance(part, dict) else part, name))
            return "".join(texts)
        raise UnconvertibleRowError(f"`{name}` must be text, not {_kind(value)}")

    def _list(self, value: Any, name: str) -> list[MadeMessage]:
        value = self._untransposed(value, name)
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

    def _is_usual(self, given: Any) -> bool:
        """Return whether a message is written already as it is to be: a fast path for most."""
        return (
            isinstance(given, dict)
            and len(given) == len(("role", "content"))
            and isinstance(given.get("content"), str)
            and (role := given.get("role")) in _USUAL
            and role not in self._roles.mapped
        )

    def _message(self, given: Any, place: str, path: str) -> Iterator[MadeMessage]:  # noqa: C901, PLR0912  a step for each name
        if self._is_usual(given):
            yield given
            return
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
        kept = {name: each[name] for name in KEPT if name in each}
        if content == "parts":
            yield from self._parts(role, each["parts"], kept, (place, path))
            return
        if role == "call":
            yield self._call_message(each.get(content or ""), kept, (place, path))
            return
        made: MadeMessage = {"role": role}
        if content:
            value = each[content]
            made["content"] = (
                value if isinstance(value, list | dict | str) else self._text(value, f"{path}.{content}")
            )
        made |= kept
        if "tool_calls" in made:
            made["tool_calls"] = self._calls(made["tool_calls"], place, path)
        if "function_call" in each:
            call = each["function_call"]
            if not call:
                self._notes.nulls[f"{path}.function_call"] += 1
            elif made.get("tool_calls"):
                self._notes.dropped[f"{path}.function_call"] += 1
            else:
                made["tool_calls"] = [self._call(call, place, f"{path}.function_call")]
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

    def _call(self, call: Any, place: str, path: str, id: str | None = None) -> MadeMessage:
        inner = call.get("function") if isinstance(call, dict) else None
        if isinstance(inner, dict):
            self._notes.dropped.update(f"{path}.{name}" for name in call.keys() - {"function", "type", "id"})
            id = id or call.get("id")
            call = inner
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise UnconvertibleRowError(f"the call in `{place}` must be an object with a `name`")
        written = next((name for name in ARGUMENTS if call.get(name) is not None), "arguments")
        self._notes.dropped.update(
            f"{path}.{name}" for name in call.keys() - {"name", "id", written} if call[name] is not None
        )
        given = call.get(written) or {}
        arguments = given if isinstance(given, str) else _json(given)
        if not arguments.strip():
            arguments = "{}"
        own = call.get("id")
        id = id or (own if isinstance(own, str) and own else self._id())
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

    def _call_message(self, value: Any, kept: MadeMessage, at: tuple[str, str]) -> MadeMessage:
        place, path = at
        if value is None:
            raise UnconvertibleRowError(f"the call in `{place}` is null")
        if "tool_calls" in kept:
            self._notes.dropped[f"{path}.tool_calls"] += 1
        calls = _parsed(value, f"the call in `{place}`") if isinstance(value, str) else value
        made = [self._call(call, place, path) for call in (calls if isinstance(calls, list) else [calls])]
        return {"role": "assistant", **kept, "tool_calls": made}

    def _answered(self, name: Any) -> str | None:
        """Return the id of the oldest call without a result, of the tool `name` if it is known."""
        fit = next((each for each in self._open if name in {None, each[0]}), None)
        if fit:
            self._open.remove(fit)
        return fit and fit[1]

    def _parts(self, role: str, parts: Any, kept: MadeMessage, at: tuple[str, str]) -> Iterator[MadeMessage]:
        """Yield the messages of a Gemini message: its thoughts, texts and calls, then its results."""
        place, path = at
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[MadeMessage] = []
        results: list[MadeMessage] = []
        for given in parts if isinstance(parts, list) else [parts]:
            part = {"text": given} if isinstance(given, str) else given
            part = {} if not isinstance(part, dict) else {n: e for n, e in part.items() if e is not None}
            kind = next((name for name in (*_CALLS, *_RESULTS, "text") if name in part), None)
            if kind is None or not isinstance(part[kind], str if kind == "text" else dict):
                named = ", ".join(f"`{name}`" for name in part) or _kind(given)
                raise UnconvertibleRowError(f"a part of `{place}` is not text: it has {named}")
            is_thought = kind == "text" and part.get("thought") is True
            used = {kind, "thought"} if is_thought else {kind}
            self._notes.dropped.update(f"{path}.parts[].{name}" for name in part.keys() - used)
            value: Any = part[kind]
            if kind in _CALLS:
                id = value.get("id")
                calls.append(self._call(value, place, f"{path}.parts[].{kind}", id))
            elif kind in _RESULTS:
                results.append(self._result(value, f"{path}.parts[].{kind}"))
            elif is_thought:
                self._notes.changed[
                    f"{path}.parts[].thought: thoughts are written as `reasoning_content`"
                ] += 1
                thoughts.append(value)
            else:
                texts.append(value)
        more = {**({"reasoning_content": "\n\n".join(thoughts)} if thoughts else {}), **kept}
        if texts or calls or thoughts:
            content = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
            if calls and "tool_calls" in more:
                self._notes.dropped[f"{path}.tool_calls"] += 1
            yield {
                "role": role,
                **({"content": content} if texts else {}),
                **more,
                **({"tool_calls": calls} if calls else {}),
            }
        else:
            self._notes.dropped.update(f"{path}.{name}" for name in more)
        yield from results

    def _result(self, result: Mapping[str, Any], path: str) -> MadeMessage:
        name = result.get("name")
        open_ids = [id for _, id in self._open]
        answered = result["id"] if result.get("id") in open_ids else self._answered(name)
        response = result.get("response")
        self._notes.dropped.update(f"{path}.{key}" for key in result.keys() - {"name", "id", "response"})
        made = {"role": "tool", "content": response if isinstance(response, str) else _json(response)}
        return {
            **made,
            **({"name": name} if name else {}),
            **({"tool_call_id": answered} if answered else {}),
        }

    def _more(self, columns: Mapping[str, list[str]], row: MadeMessage) -> None:
        """Add the columns that a row of messages keeps."""
        for name in columns.get("tools", ()):
            self._tools(name, row)
        for name in columns.get("tool_choice", ()):
            value = self._row[name]
            if name.endswith("function_call") and isinstance(value, dict):
                value = {"type": "function", "function": value}
            if isinstance(value, str | dict):
                row["tool_choice"] = self._pruned(value, name) if self._is_table else value
            else:
                self._notes.dropped[name] += 1
        kept: dict[str, Any] = {}
        for name in columns.get("metadata", ()):
            value = self._row[name]
            is_whole = name.strip().lower() == "metadata" and isinstance(value, dict)
            for key, each in (value if is_whole else {name: value}).items():
                if _json(kept.setdefault(key, each)) != _json(each):
                    raise UnconvertibleRowError(
                        f"`metadata` has a field `{key[:40]}` already: rename the column"
                    )
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
            if isinstance(inner, list):
                others = tool.keys() - {"functionDeclarations", "function_declarations"}
                self._notes.dropped.update(f"{name}[].{key}" for key in others)
            for each in inner if isinstance(inner, list) else [tool]:
                is_bare = isinstance(each, dict) and "name" in each and not each.keys() & {"type", "function"}
                made.append({"type": "function", "function": each} if is_bare else each)
        row["tools"] = [*row.get("tools", ()), *made]


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(
        isinstance(each, dict) and any(name in each for name in AUTHORS) for each in value
    )  # fmt: skip


def _parted(messages: list[MadeMessage]) -> tuple[list[MadeMessage], list[MadeMessage]]:
    """Return the system message that messages begin with, if there is one, and the rest."""
    size = int(bool(messages) and messages[0]["role"] in _SYSTEM)
    return messages[:size], messages[size:]


def _core(message: MadeMessage) -> tuple[str, str]:
    """Return what makes two messages the same."""
    content = message.get("content")
    return message["role"], content.strip() if isinstance(content, str) else _json(message)


def _parsed(text: str, name: str) -> Any:
    """Return the value that is written in `text` as JSON, or as Python writes lists.

    Raises:
        UnconvertibleRowError: it is neither.
    """
    try:
        return exact(text)
    except RepeatedNameError as error:
        raise UnconvertibleRowError(
            f"{name} is text, in which `{error}` occurs twice in an object"
        ) from error
    except ValueError:
        with suppress(NotLiteralError):
            return python_literal(text)
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
