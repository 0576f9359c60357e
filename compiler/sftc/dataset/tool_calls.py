"""Warnings about the tool calls in a row that fits the schema, their results, and the tools on offer."""

import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby, islice
from typing import Any, Final, NamedTuple

import orjson

from sftc.dataset.excerpt import Remark, row_json
from sftc.dataset.json_scan import NotJsonError, Scan
from sftc.dataset.roles import RESULTS, ROLES, meant_role
from sftc.findings.stage_rules import calls as rules
from sftc.text.characters import is_blank
from sftc.text.keys import Path, dotted
from sftc.text.suggest import near

Row = dict[str, Any]
RowMessage = dict[str, Any]

_BLOCKS: Final = {"tool_use": "a call", "tool_result": "a result"}
"""The types of the parts of a content that are not content, in the form of Anthropic."""

_QUALIFIER: Final = re.compile(r"[.:/]|__")
"""What is between the name of a server, or of a namespace, and that of its tool."""

_ARGUMENTS: Final = ("args", "parameters", "input")
"""Other names for the arguments of a call."""

_KINDS: Final = {
    list: "a list",
    bool: "a boolean",
    type(None): "null",
    **dict.fromkeys((int, float), "a number"),
}
_NAMED = 5
"""The names that a message lists at most."""
_COMPARED = 100
"""The unknown names, and the names of tools, that are compared at most for a suggestion."""
_SHORT = 100
"""The length in characters of arguments that a message quotes."""


class Call(NamedTuple):
    """A tool call in a row.

    Attributes:
        path: where it is.
        function: the object with its name and its arguments.
        inside: where that object is.
        id: its id, if it has one.
        is_old: whether it is a `function_call`, the form before `tool_calls`.
    """

    path: Path
    function: dict[str, Any]
    inside: Path
    id: str | None = None
    is_old: bool = False

    @property
    def name(self) -> str | None:
        """The name of the function, if it is a text."""
        name = self.function.get("name")
        return name if isinstance(name, str) else None

    @property
    def title(self) -> str:
        """The call as messages name it."""
        return f"`{(self.id or self.name or '?')[:40]}`"


def is_call(old: Any) -> bool:
    """Return whether a `function_call` is one: not null, nor an object that a table has filled with nulls."""
    if isinstance(old, dict) and old.get("name") is None:
        return any(each not in (None, "", {}) for each in old.values())
    return bool(old)


def calls_of(message: RowMessage, at: int) -> list[Call]:
    """Return the calls of the message at index `at` of a row. A null `function_call` does not count."""
    made = []
    for index, call in enumerate(message.get("tool_calls") or ()):
        path: Path = ("messages", at, "tool_calls", index)
        id, function = call.get("id"), call.get("function")
        nested = isinstance(function, dict)
        made.append(
            Call(
                path,
                function if nested else call,
                (*path, "function") if nested else path,
                id if isinstance(id, str) else None,
            )
        )
    if is_call(old := message.get("function_call")):
        path = ("messages", at, "function_call")
        made.append(Call(path, _object(old), path, is_old=True))
    return made


def _object(old: Any) -> dict[str, Any]:
    """Return a `function_call` as an object, which may be JSON in a string."""
    if isinstance(old, str):
        with suppress(ValueError):
            old = orjson.loads(old)
    return old if isinstance(old, dict) else {}


def tool_remarks(row: Row) -> Iterator[Remark]:
    """Yield remarks about the calls of `row`, their results, and the tools that it offers."""
    by_message = [calls_of(message, at) for at, message in enumerate(row["messages"])]
    calls = [call for each in by_message for call in each]
    if old := _old_form(row, calls):
        yield old  # until the row is converted, there is no more to say about its calls
        return
    yield from _results(row["messages"], by_message)
    for call in calls:
        yield from _arguments(call)
    yield from _offered(row, calls)


def old_call(call: Call) -> tuple[str, str]:
    """Return what is wrong with a `function_call`, and how to write it today."""
    given = call.function.get("arguments")
    arguments = given if isinstance(given, str) else row_json(given or {})
    short = arguments if call.function and len(arguments) <= _SHORT else "..."
    new = {"name": (call.name or "...")[:_SHORT], "arguments": short}
    text = row_json([{"id": "1", "type": "function", "function": new}])
    return (
        f"`{dotted(call.path)}` is a call in the old form: chat templates know only `tool_calls`",
        f'write `"tool_calls": {text}`, or run `sftc dataset convert`',
    )


def _old_form(row: Row, calls: list[Call]) -> Remark | None:
    if old := next((call for call in calls if call.is_old), None):
        message, help = old_call(old)
        if any(call.path[:2] == old.path[:2] for call in calls if not call.is_old):
            help = "remove it, if `tool_calls` of the message has the same call"
        return Remark(rules.OLD_CALL, message, old.path, help)
    if row.get("functions"):
        message = "`functions` is the old form of `tools`: chat templates know only `tools`"
        help = 'write `"tools": [{"type": "function", "function": {...}}]`, or run `sftc dataset convert`'
        return Remark(rules.OLD_CALL, message, ("functions",), help)
    if block := next(_blocks(row["messages"]), None):
        path, what = block
        message = f"`{dotted(path)}` is {what} in the form of Anthropic, which chat templates do not know"
        help = "`sftc dataset convert` writes calls as `tool_calls`, and results as messages of the tool"
        return Remark(rules.OLD_CALL, message, path, help)
    return None


def block_of(part: Any) -> str | None:
    """Return what a part of a content is in the form of Anthropic, if it is not a content."""
    kind = part.get("type") if isinstance(part, dict) else None
    return _BLOCKS.get(kind) if isinstance(kind, str) else None


def _blocks(messages: list[RowMessage]) -> Iterator[tuple[Path, str]]:
    """Yield where the parts of contents are that are calls and results, and which of the two they are."""
    for at, message in enumerate(messages):
        content = message.get("content")
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if what := block_of(part):
                yield ("messages", at, "content", index), what


class _Calls:
    """Calls without a result, in order."""

    def __init__(self) -> None:
        self._calls: OrderedDict[int, Call] = OrderedDict()
        self._numbers: dict[str | None, deque[int]] = {}
        self._added = 0

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())

    def add(self, calls: Iterable[Call]) -> None:
        """Add calls at the end."""
        for call in calls:
            self._calls[self._added] = call
            self._numbers.setdefault(call.id, deque()).append(self._added)
            self._added += 1

    def take(self, id: str | None) -> tuple[Call, bool] | None:
        """Remove the call that a result with `id` answers; return it, and whether it was the first.

        A result without an id answers the first call, and a call without an id takes any result.
        """
        for each in (id, None):
            numbers = self._numbers.get(each, deque())
            while numbers:
                if (number := numbers.popleft()) in self._calls:
                    return self._pop(number)
        return self._pop(next(iter(self._calls))) if id is None and self._calls else None

    def _pop(self, number: int) -> tuple[Call, bool]:
        is_first = next(iter(self._calls)) == number
        return self._calls.pop(number), is_first


def _results(messages: list[RowMessage], calls: list[list[Call]]) -> Iterator[Remark]:
    """Compare results with calls: they follow the message with their calls, in the order of the calls.

    Calls that end the row need no result.
    """
    waiting, passed = _Calls(), _Calls()
    made = {call.id: call for each in calls for call in each}
    answered: set[str | None] = set()
    early: set[str | None] = set()
    has_calls, in_order = False, True
    for at, message in enumerate(messages):
        if not _is_result(message):
            passed.add(waiting)
            waiting = _Calls()
            waiting.add(calls[at])
            has_calls = has_calls or bool(calls[at])
            continue
        id = message.get("tool_call_id")
        if message["role"] not in RESULTS:  # its role is a finding of its own
            waiting.take(id)
            continue
        path = ("messages", at, "role" if id is None else "tool_call_id")
        if taken := waiting.take(id):
            call, is_first = taken
            if in_order and not is_first:
                in_order = False
                text = f"the result of the call {call.title} is not in the order of the calls"
                yield Remark(rules.RESULTS_OUT_OF_ORDER, text, path)
        elif taken := passed.take(id):
            call, _ = taken
            yield Remark(
                rules.LATE_RESULT, f"the result of the call {call.title} does not follow its call", path
            )
        elif id is not None and id not in answered and id in made:
            early.add(id)
            text = f"this tool result comes before its call {made[id].title}"
            yield Remark(rules.RESULT_WITHOUT_CALL, text, path, "move it behind the message with the call")
            continue
        else:
            text = _unmatched(id, has_calls=has_calls, is_answered=id in answered)
            meant = None if id in answered else _meant_call(waiting, messages, at)
            help = f"write {_id_of(meant)}the id of the call before it" if meant else None
            yield Remark(rules.RESULT_WITHOUT_CALL, text, path, help)
            if meant:
                waiting.take(meant.id)
            continue
        answered.add(call.id)
    left = [call for call in passed if call.id not in early]
    for _, group in groupby(left, key=lambda call: call.path[:2]):
        some = [*group]
        names = ", ".join(call.title for call in some[:_NAMED]) + (", ..." if len(some) > _NAMED else "")
        calls_have = "the call {} has" if len(some) == 1 else "the calls {} have"
        text = f"{calls_have.format(names)} no result before the conversation continues"
        yield Remark(rules.CALL_WITHOUT_RESULT, text, some[0].path)


def _is_result(message: RowMessage) -> bool:
    role = message["role"]
    return role in RESULTS or (role not in ROLES and meant_role(role) in RESULTS)


def _meant_call(waiting: _Calls, messages: list[RowMessage], at: int) -> Call | None:
    """Return the call that the result at index `at` is for under a wrong id: the only one that lacks one."""
    left = [*islice(waiting, 2)]
    is_last = at + 1 == len(messages) or not _is_result(messages[at + 1])
    return left[0] if len(left) == 1 and left[0].id and is_last else None


def _id_of(call: Call) -> str:
    return f"`{row_json(call.id)}`, " if call.id and len(call.id) <= _SHORT else ""


def _unmatched(id: str | None, *, has_calls: bool, is_answered: bool) -> str:
    if not has_calls:
        return "this tool result has no call: no earlier message has `tool_calls`"
    if id is None:
        return "this tool result has no call: each earlier call has its result"
    if is_answered:
        return f"the call `{id[:40]}` has a result already"
    return f"no earlier tool call has the id `{id[:40]}`"


def _arguments(call: Call) -> Iterator[Remark]:
    path, none = (*call.inside, "arguments"), "without arguments, write"
    of_call = f"the arguments of the call {call.title}"
    if "arguments" not in call.function:
        other = next((name for name in _ARGUMENTS if call.function.get(name) is not None), None)
        write = (
            f"rename `{other}` to `arguments`" if other else 'without arguments, write `"arguments": "{}"`'
        )
        yield Remark(rules.CALL_ARGUMENTS, f"the call {call.title} has no `arguments`", call.inside, write)
        return
    given = call.function["arguments"]
    if given is None or (isinstance(given, str) and is_blank(given)):
        state = "null, not a JSON object" if given is None else "empty, which is not JSON"
        yield Remark(rules.CALL_ARGUMENTS, f"{of_call} are {state}", path, f'{none} `"{{}}"`')
        return
    value = given
    if isinstance(given, str):
        try:
            value = orjson.loads(given)
        except ValueError:
            reason, remedy = _not_json(given)
            yield Remark(rules.CALL_ARGUMENTS, f"{of_call} are not a JSON object: {reason}", path, remedy)
            return
    if isinstance(value, str):
        text = f"{of_call} are a JSON string, not a JSON object"
        yield Remark(rules.CALL_ARGUMENTS, text, path, "encode the arguments as JSON only once")
    elif not isinstance(value, dict):
        help = f'{none} `"{{}}"`' if value in (None, []) else None
        text = f"{of_call} are {_KINDS[type(value)]}, not a JSON object"
        yield Remark(rules.CALL_ARGUMENTS, text, path, help)


def _not_json(text: str) -> tuple[str, str | None]:
    """Return why `text` is not JSON that all readers take, and what to do."""
    try:
        scan = Scan(text, "text")
    except NotJsonError as error:
        is_fenced = text.lstrip().startswith("```")
        return str(error), "remove the code fence around them" if is_fenced else error.help
    if scan.surrogates:
        return f"`{text[slice(*scan.surrogates[0])]}` is an unpaired surrogate", None
    return "a number is beyond the range of JSON readers", None


def _offered(row: Row, calls: list[Call]) -> Iterator[Remark]:
    """Yield a remark for each name that is called and not offered, if the row offers any tools."""
    offered = [name for tool in row.get("tools") or () if (name := _name(tool))]
    unknown: dict[str, Call] = {}
    if offered:
        known = {*offered}
        for call in calls:
            if call.name and call.name not in known:
                unknown.setdefault(call.name, call)
    for at, (name, call) in enumerate(unknown.items()):
        meant = _offered_as(name, offered[:_COMPARED]) if at < _COMPARED else None
        text = f"the tool `{name[:40]}` is not among `tools`"
        yield Remark(rules.UNKNOWN_TOOL, text, (*call.inside, "name"), meant and f"did you mean `{meant}`?")


def _offered_as(name: str, offered: list[str]) -> str | None:
    """Return the tool that `name` is almost, or with the name of a server before it: `functions.add`."""
    last = _QUALIFIER.split(name)[-1]
    return last if last in offered else near(name, offered)


def _name(tool: dict[str, Any]) -> str | None:
    function = tool.get("function")
    name = (function if isinstance(function, dict) else tool).get("name")
    return name if isinstance(name, str) else None
