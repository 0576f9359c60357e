"""Turns a row of any format into a row of messages."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from sftc.dataset.advice import TOKENS
from sftc.dataset.convert.field_notes import FieldNotes
from sftc.dataset.convert.read_messages import MadeMessage, MappedRoles, MessageReader, are_messages
from sftc.dataset.convert.records import RowRecord
from sftc.dataset.convert.row_formats import FormatReading, flat, inner_rows, reading_of
from sftc.dataset.convert.row_values import UnconvertibleRowError, parsed_value, value_kind, written_value
from sftc.text.suggest import near

_READINGS: Final = 1000
"""The sets of columns for which it is remembered how they are read."""

_COLUMNS: Final = 100
"""The columns of a row for which it is remembered."""

_PAIRED: Final = ("user", "input", "history", "assistant")
"""What columns become that do not have whole conversations."""

_BY_TRAITS: Final = {"gemini": "Gemini", "sharegpt": "ShareGPT", "openai-functions": "OpenAI functions"}
"""The titles of the formats that messages show, the one that counts first."""

_SYSTEM: Final = ("system", "developer")


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

    def convert(self, record: RowRecord, notes: FieldNotes) -> tuple[MadeMessage, FormatReading]:
        """Return the row of messages for a row, and how it was read.

        Raises:
            UnconvertibleRowError: it cannot be converted.
        """
        if record.fault:
            raise UnconvertibleRowError(record.fault)
        value = parsed_value(record.value, "the row") if isinstance(record.value, str) else record.value
        if isinstance(value, list):
            value = {"messages": value}
        if not isinstance(value, dict):
            raise UnconvertibleRowError(f"the row is {value_kind(value)}, not an object")
        row = flat(value)
        self._unused -= row.keys()
        reading = self._reading(row)
        if not reading:
            raise UnconvertibleRowError(self._unread(row))
        roles = MappedRoles(self._mapped, self._unused)
        made = _Row(row, reading, roles, notes, record)
        return made.made(self._system, self._wanted)

    def _reading(self, row: Mapping[str, Any]) -> FormatReading | None:
        """Return how to read a row, which the names of its columns decide."""
        names = tuple(name for name, each in row.items() if each is not None)
        if names not in self._readings:
            if len(names) > _COLUMNS or len(self._readings) > _READINGS:
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
        if misspelt := next((name for name in row if near(name, ["messages"])), None):
            return f"{text}; did you mean `messages`? Pass `--map {misspelt[:40]}=messages`"
        if inner := inner_rows(row):
            return f"{text}; {inner}"
        if any(TOKENS.search(each) for each in row.values() if isinstance(each, str)):
            return f"{text}; a chat template was applied to the text: use the rows from before that step"
        how = "; name its columns with `--map COLUMN=user --map COLUMN=assistant`" if len(row) > 1 else ""
        return text + how


class _Row:
    """The conversion of one row."""

    def __init__(
        self,
        row: dict[str, Any],
        reading: FormatReading,
        roles: MappedRoles,
        notes: FieldNotes,
        record: RowRecord,
    ) -> None:
        self._row = row
        self._reading = reading
        self._notes = notes
        self._is_table = record.is_table
        self._changed = record.changed
        self._reader = MessageReader(roles, notes, is_table=record.is_table)

    def made(self, system: str | None, wanted: str | None) -> tuple[MadeMessage, FormatReading]:
        columns = self._reading.columns
        messages = self._messages(columns)
        texts = {name: self._reader.text(self._row[name], name) for name in columns.get("system", ())}
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
        shown = next((name for name in _BY_TRAITS if name in self._reader.traits), "messages")
        if wanted in {None, shown, "messages"} or shown == "messages":
            name = wanted or shown
            return self._reading._replace(format=name, title=_BY_TRAITS.get(name, "messages"))
        raise UnconvertibleRowError(f"the row is of the format `{shown}`, not `{wanted}` as `--from` says")

    def _leave_out_others(self, columns: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
        """Return `columns` without what is beside a question but is neither text nor pairs.

        In the format Alpaca it is a fault, because it always belongs to the question there.
        """
        if self._reading.format == "alpaca":
            return columns
        kept = {**columns}
        for target, kind in (("input", str), ("history", list)):
            for name in columns.get(target, ()):
                value = self._row[name]
                if not isinstance(value, kind) or (kind is list and not all(map(_is_pair, value))):
                    self._notes.dropped[name] += 1
                    del kept[target]
        return kept

    def _messages(self, columns: Mapping[str, list[str]]) -> list[MadeMessage]:
        if "messages" in columns:
            return [
                each for name in columns["messages"] for each in self._reader.read(self._value(name), name)
            ]
        columns = self._leave_out_others(columns)
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
                made += self._reader.read(value, name)
            elif (text := self._reader.text(value, name)) or len(names) == 1:
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
            if not isinstance(pairs, list) or not all(map(_is_pair, pairs)):
                raise UnconvertibleRowError(f"`{name}` must be a list of pairs: a question and its answer")
            for pair in pairs:
                question, answer = (self._reader.text(each, name) for each in pair)
                made += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return made

    def _value(self, name: str) -> Any:
        """Return the value of a column. A list in text is parsed; a message is a list of one."""
        value = self._row[name]
        target = next(target for target, names in self._reading.columns.items() if name in names)
        if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
            if target in {"messages", "history"}:
                return parsed_value(value, f"`{name}`")
            with suppress(UnconvertibleRowError):
                if are_messages(parsed := parsed_value(value, f"`{name}`")):
                    return parsed
        if target in {"user", "assistant"} and isinstance(value, dict):
            return [value] if are_messages([value]) else self._reader.untransposed(value, name)
        return value

    def _more(self, columns: Mapping[str, list[str]], row: MadeMessage) -> None:
        """Add the columns that a row of messages keeps."""
        for name in columns.get("tools", ()):
            self._tools(name, row)
        for name in columns.get("tool_choice", ()):
            value = self._row[name]
            if name.endswith("function_call") and isinstance(value, dict):
                value = {"type": "function", "function": value}
            if isinstance(value, str | dict):
                row["tool_choice"] = self._reader.pruned(value, name) if self._is_table else value
            else:
                self._notes.dropped[name] += 1
        kept: dict[str, Any] = {}
        for name in columns.get("metadata", ()):
            value = self._row[name]
            is_whole = name.strip().lower() == "metadata" and isinstance(value, dict)
            for key, each in (value if is_whole else {name: value}).items():
                if written_value(kept.setdefault(key, each)) != written_value(each):
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
            tools = parsed_value(tools, f"`{name}`")
        if not isinstance(tools, list):
            raise UnconvertibleRowError(f"`{name}` must be a list of tools, not {value_kind(tools)}")
        if self._is_table:
            tools = self._reader.pruned(tools, f"{name}[]")
        if name.endswith("functions"):
            self._reader.traits.add("openai-functions")
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
                made.append({"type": "function", "function": _with_parameters(each)} if is_bare else each)
        row["tools"] = [*row.get("tools", ()), *made]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == len(("question", "answer"))


def _with_parameters(tool: MadeMessage) -> MadeMessage:
    """Return a tool with its schema under the name of OpenAI."""
    return {"parameters" if name == "input_schema" else name: each for name, each in tool.items()}


def _parted(messages: list[MadeMessage]) -> tuple[list[MadeMessage], list[MadeMessage]]:
    """Return the system message that messages begin with, if there is one, and the rest."""
    size = int(bool(messages) and messages[0]["role"] in _SYSTEM)
    return messages[:size], messages[size:]


def _core(message: MadeMessage) -> tuple[str, str]:
    """Return what makes two messages the same."""
    content = message.get("content")
    return message["role"], content.strip() if isinstance(content, str) else written_value(message)
