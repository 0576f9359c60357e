"""Turns messages of any dialect into messages: their roles, contents, calls and results."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from sftc.dataset.convert.field_notes import FieldNotes
from sftc.dataset.convert.row_formats import AUTHORS
from sftc.dataset.convert.row_values import UnconvertibleRowError, parsed_value, value_kind, written_value
from sftc.dataset.message_keys import left_out_by
from sftc.dataset.roles import CALLS, OTHER_NAMES, ROLES
from sftc.dataset.tool_calls import block_of, is_call

MadeMessage = dict[str, Any]

_MEANINGS: Final = {**{role: role for role in ROLES}, **OTHER_NAMES, **dict.fromkeys(CALLS, "call")}
"""What the names of authors mean. `function` is a result and `call` a call, in their old form."""

CONTENTS: Final = ("content", "value", "text", "parts")
ARGUMENTS: Final = ("arguments", "args", "parameters", "input")
"""The names under which a call has its arguments."""

KEPT: Final = ("name", "tool_calls", "tool_call_id", "weight", "reasoning_content", "thinking", "reasoning")
"""The other names that a message keeps."""

_USUAL: Final = ("system", "user", "assistant")
_CALLS: Final = ("functionCall", "function_call")
_RESULTS: Final = ("functionResponse", "function_response")


class MappedRoles(NamedTuple):
    """What `--map` makes of roles and columns, and the names of it that no row had so far."""

    mapped: Mapping[str, str]
    unused: set[str]


class MessageReader:
    """Reads the messages of one row.

    Args:
        roles: what `--map` makes of roles.
        notes: what is not taken over is added to them.
        is_table: whether the row is of a table, whose structures are filled with nulls.

    Attributes:
        traits: the formats that the messages show.
    """

    def __init__(self, roles: MappedRoles, notes: FieldNotes, *, is_table: bool) -> None:
        self.traits: set[str] = set()
        self._roles = roles
        self._notes = notes
        self._is_table = is_table
        self._open: deque[tuple[str, str]] = deque()
        self._ids: set[str] = set()

    def read(self, value: Any, name: str) -> list[MadeMessage]:
        """Return the messages of a list that the column `name` has.

        Raises:
            UnconvertibleRowError: it is not a list of messages.
        """
        value = self.untransposed(value, name)
        if not isinstance(value, list):
            raise UnconvertibleRowError(f"`{name}` must be a list of messages, not {value_kind(value)}")
        for each in value:
            calls = each.get("tool_calls") if isinstance(each, dict) else None
            listed = calls if isinstance(calls, list) else ()
            self._ids.update(str(call.get("id")) for call in listed if isinstance(call, dict))
        return [
            made
            for at, each in enumerate(value)
            for made in self._message(each, f"{name}[{at}]", f"{name}[]")
        ]

    def text(self, value: Any, name: str) -> str:
        """Return the text that a value of the column `name` means.

        Raises:
            UnconvertibleRowError: it means no text.
        """
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
                texts.append(self.text(part.get("text") if isinstance(part, dict) else part, name))
            return "".join(texts)
        raise UnconvertibleRowError(f"`{name}` must be text, not {value_kind(value)}")

    def pruned(self, value: Any, path: str) -> Any:
        """Return a value of a table without the nulls that fill its structures."""
        if isinstance(value, list):
            return [self.pruned(each, f"{path}[]") for each in value]
        if isinstance(value, dict):
            for name in value:
                if value[name] is None:
                    self._notes.nulls[f"{path}.{name}"] += 1
            return {
                name: self.pruned(each, f"{path}.{name}") for name, each in value.items() if each is not None
            }
        return value

    def untransposed(self, value: Any, name: str) -> Any:
        """Return the messages of an object that has a list for each of their fields."""
        lists = [*value.values()] if isinstance(value, dict) else []
        is_table = bool(lists) and all(isinstance(each, list) for each in lists) and are_messages([value])
        if not is_table or len({len(each) for each in lists}) != 1:
            return value
        self._notes.changed[f"{name}: lists of fields are written as messages"] += 1
        return [dict(zip(value, each, strict=True)) for each in zip(*lists, strict=True)]

    def _is_usual(self, given: Any) -> bool:
        """Return whether a message already has its final form: a fast path for most."""
        return (
            isinstance(given, dict)
            and len(given) == len(("role", "content"))
            and isinstance(given.get("content"), str)
            and (role := given.get("role")) in _USUAL
            and role not in self._roles.mapped
        )

    def _message(self, given: Any, place: str, path: str) -> Iterator[MadeMessage]:  # noqa: C901, PLR0912, PLR0915  a step for each name
        if self._is_usual(given):
            yield given
            return
        if not isinstance(given, dict):
            raise UnconvertibleRowError(f"`{place}` must be a message, not {value_kind(given)}")
        each = {}
        for name, value in given.items():
            if value is None:
                self._notes.nulls[f"{path}.{name}"] += 1
            else:
                each[name] = self.pruned(value, f"{path}.{name}") if self._is_table else value
        author = next((name for name in AUTHORS if name in each), None)
        if not author:
            yield from self._by_roles(each, place)
            return
        content = next((name for name in CONTENTS if name in each), None)
        role = self._role(each[author], place)
        if author == "from":
            self.traits.add("sharegpt")
        elif content == "parts":
            self.traits.add("gemini")
        elif content in {None, "content"} and author == "role":
            self.traits |= {"openai-functions"} if "function_call" in each or role == "function" else set()
        if role == "assistant" and (silent := left_out_by(each)):
            del each[silent]
            each["weight"] = 0
            self._notes.changed[f"{path}.{silent}: `false` is written as `weight: 0`"] += 1
        for name in each.keys() - {author, content, *KEPT, "function_call"}:
            self._notes.dropped[f"{path}.{name}"] += 1
        kept = {name: each[name] for name in KEPT if name in each}
        if content == "parts":
            yield from self._parts(role, each["parts"], kept, (place, path))
            return
        if content == "content" and _has_blocks(each["content"]):
            yield from self._blocks(role, each["content"], kept, (place, path))
            return
        if role == "call":
            yield self._call_message(each.get(content or ""), kept, (place, path))
            return
        made: MadeMessage = {"role": role}
        if content:
            value = each[content]
            made["content"] = (
                value if isinstance(value, list | dict | str) else self.text(value, f"{path}.{content}")
            )
        made |= kept
        if "tool_calls" in made:
            made["tool_calls"] = self._calls(made["tool_calls"], place, path)
        if "function_call" in each:
            call = each["function_call"]
            if not is_call(call):
                self._notes.nulls[f"{path}.function_call"] += 1
            elif made.get("tool_calls"):
                self._notes.dropped[f"{path}.function_call"] += 1
            else:
                if isinstance(call, str):
                    call = parsed_value(call, f"`function_call` of `{place}`")
                made["tool_calls"] = [self._call(call, place, f"{path}.function_call")]
        if role == "function" or (role == "tool" and author == "from" and "tool_call_id" not in made):
            made["role"] = "tool"
            if answered := self._answered(made.get("name")):
                made["tool_call_id"] = answered
        yield made

    def _by_roles(self, each: MadeMessage, place: str) -> Iterator[MadeMessage]:
        """Yield the messages of an object whose names are roles."""
        if not each:
            raise UnconvertibleRowError(f"`{place}` is empty")
        for name, value in each.items():
            if name.lower() not in _MEANINGS and name not in self._roles.mapped:
                named = ", ".join(f"`{key[:40]}`" for key in [*each][:8])
                lacks = "no `role`" if "content" in each else f"{named} instead of `role` and `content`"
                raise UnconvertibleRowError(f"`{place}` has {lacks}")
            yield {"role": self._role(name, place), "content": self.text(value, place)}

    def _role(self, given: Any, place: str) -> str:
        if not isinstance(given, str):
            raise UnconvertibleRowError(f"the role of `{place}` must be text, not {value_kind(given)}")
        if role := self._roles.mapped.get(given) or _MEANINGS.get(given.strip().lower()):
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
        arguments = given if isinstance(given, str) else written_value(given)
        if not arguments.strip():
            arguments = "{}"
        own = call.get("id")
        id = id or (own if isinstance(own, str) and own else self._id())
        self._open.append((call["name"], id))
        return {"id": id, "type": "function", "function": {"name": call["name"], "arguments": arguments}}

    def _calls(self, calls: Any, place: str, path: str) -> Any:
        if isinstance(calls, str):
            calls = parsed_value(calls, f"`tool_calls` of `{place}`")
        if isinstance(calls, dict):
            calls = [calls]
        if not isinstance(calls, list):
            raise UnconvertibleRowError(f"`tool_calls` of `{place}` must be a list, not {value_kind(calls)}")
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
        calls = parsed_value(value, f"the call in `{place}`") if isinstance(value, str) else value
        made = [self._call(call, place, path) for call in (calls if isinstance(calls, list) else [calls])]
        return {"role": "assistant", **kept, "tool_calls": made}

    def _answered(self, name: Any) -> str | None:
        """Return the id of the oldest call without a result, of the tool `name` if it is known."""
        fit = next((each for each in self._open if name in {None, each[0]}), None)
        if fit:
            self._open.remove(fit)
        return fit and fit[1]

    def _blocks(
        self, role: str, parts: list[Any], kept: MadeMessage, at: tuple[str, str]
    ) -> Iterator[MadeMessage]:
        """Yield the messages of a message of Anthropic: its results, then its texts, thoughts and calls."""
        place, path = at
        contents: list[Any] = []
        thoughts: list[str] = []
        calls: list[MadeMessage] = []
        for given in parts:
            part = given if isinstance(given, dict) else {}
            kind = part.get("type")
            if kind == "tool_use":
                call = {name: value for name, value in part.items() if name != "type"}
                calls.append(self._call(call, place, f"{path}.content[]"))
            elif kind == "tool_result":
                used = {"type", "tool_use_id", "content"}
                self._notes.dropped.update(f"{path}.content[].{name}" for name in part.keys() - used)
                result: MadeMessage = {"role": "tool", "content": part.get("content") or ""}
                yield {**result, "tool_call_id": part["tool_use_id"]} if "tool_use_id" in part else result
            elif kind == "thinking" and isinstance(part.get("thinking"), str):
                self._notes.changed[f"{path}.content[]: thoughts are written as `reasoning_content`"] += 1
                thoughts.append(part["thinking"])
            else:
                contents.append({"type": "text", "text": given} if isinstance(given, str) else given)
        more = {**({"reasoning_content": "\n\n".join(thoughts)} if thoughts else {}), **kept}
        if contents or calls or thoughts:
            is_text = len(contents) == 1 and {*contents[0]} == {"type", "text"}
            content = contents[0]["text"] if is_text else contents
            yield {
                "role": role,
                **({"content": content} if contents else {}),
                **more,
                **({"tool_calls": calls} if calls else {}),
            }

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
                named = ", ".join(f"`{name}`" for name in part) or value_kind(given)
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
        made = {"role": "tool", "content": response if isinstance(response, str) else written_value(response)}
        return {
            **made,
            **({"name": name} if name else {}),
            **({"tool_call_id": answered} if answered else {}),
        }


def are_messages(value: Any) -> bool:
    """Return whether a value is a list of messages that name their author."""
    return isinstance(value, list) and bool(value) and all(
        isinstance(each, dict) and any(name in each for name in AUTHORS) for each in value
    )  # fmt: skip


def _has_blocks(content: Any) -> bool:
    """Return whether a content has calls or results among its parts."""
    return isinstance(content, list) and any(map(block_of, content))
