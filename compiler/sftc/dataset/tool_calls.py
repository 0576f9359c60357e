"""Warnings about the tool calls in a row that fits the schema, their results, and the tools on offer."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final, NamedTuple

import orjson

from sftc.dataset.excerpt import Remark
from sftc.findings.stage_rules import calls as rules
from sftc.text.keys import Path, dotted
from sftc.text.suggest import near

Row = dict[str, Any]
RowMessage = dict[str, Any]

RESULTS: Final = {"tool", "function"}
"""The roles of a message that is the result of a call."""

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
    if old := message.get("function_call"):
        path = ("messages", at, "function_call")
        made.append(Call(path, old if isinstance(old, dict) else {}, path, is_old=True))
    return made


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
    arguments = call.function.get("arguments")
    quoted = isinstance(arguments, str) and len(arguments) <= _SHORT
    new = {"name": (call.name or "...")[:_SHORT], "arguments": arguments if quoted else "..."}
    text = orjson.dumps([{"id": "1", "type": "function", "function": new}]).decode()
    return (
        f"`{dotted(call.path)}` is a call in the old form: chat templates know only `tool_calls`",
        f'write `"tool_calls": {text}`, or run `sftc dataset convert`',
    )


def _old_form(row: Row, calls: list[Call]) -> Remark | None:
    if old := next((call for call in calls if call.is_old), None):
        message, help = old_call(old)
        return Remark(rules.OLD_CALL, message, old.path, help)
    if row.get("functions"):
        message = "`functions` is the old form of `tools`: chat templates know only `tools`"
        help = 'write `"tools": [{"type": "function", "function": {...}}]`, or run `sftc dataset convert`'
        return Remark(rules.OLD_CALL, message, ("functions",), help)
    return None


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
    answered: set[str | None] = set()
    has_calls, in_order = False, True
    for at, message in enumerate(messages):
        if message["role"] not in RESULTS:
            passed.add(waiting)
            waiting = _Calls()
            waiting.add(calls[at])
            has_calls = has_calls or bool(calls[at])
            continue
        id = message.get("tool_call_id")
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
        else:
            text = _unmatched(id, has_calls=has_calls, is_answered=id in answered)
            yield Remark(rules.RESULT_WITHOUT_CALL, text, path)
            continue
        answered.add(call.id)
    for _, group in groupby(passed, key=lambda call: call.path[:2]):
        left = [*group]
        names = ", ".join(call.title for call in left[:_NAMED]) + (", ..." if len(left) > _NAMED else "")
        calls_have = "the call {} has" if len(left) == 1 else "the calls {} have"
        text = f"{calls_have.format(names)} no result before the conversation goes on"
        yield Remark(rules.CALL_WITHOUT_RESULT, text, left[0].path)


def _unmatched(id: str | None, *, has_calls: bool, is_answered: bool) -> str:
    if not has_calls:
        return "this tool result has no call: no earlier message has `tool_calls`"
    if id is None:
        return "this tool result has no call: each earlier call has its result"
    if is_answered:
        return f"the call `{id[:40]}` has a result already"
    return f"no earlier tool call has the id `{id[:40]}`"


def _arguments(call: Call) -> Iterator[Remark]:
    if "arguments" not in call.function:
        text = f"the call {call.title} has no `arguments`"
        yield Remark(rules.CALL_ARGUMENTS, text, call.inside, 'without arguments, write `"arguments": "{}"`')
    elif (given := call.function["arguments"]) == "":
        path = (*call.inside, "arguments")
        text = f"the arguments of the call {call.title} are empty, which is not JSON"
        yield Remark(rules.CALL_ARGUMENTS, text, path, 'without arguments, write `"{}"`')
    elif not isinstance(_parsed(given), dict):
        text = f"the arguments of the call {call.title} are not a JSON object"
        yield Remark(rules.CALL_ARGUMENTS, text, (*call.inside, "arguments"))


def _parsed(given: Any) -> Any:
    """Return the value of arguments, which may be JSON in a string; `None` if they are not JSON."""
    if not isinstance(given, str):
        return given
    try:
        return orjson.loads(given)
    except ValueError:
        return None


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
        meant = near(name, offered[:_COMPARED]) if at < _COMPARED else None
        text = f"the tool `{name[:40]}` is not among `tools`"
        yield Remark(rules.UNKNOWN_TOOL, text, (*call.inside, "name"), meant and f"did you mean `{meant}`?")


def _name(tool: dict[str, Any]) -> str | None:
    function = tool.get("function")
    name = (function if isinstance(function, dict) else tool).get("name")
    return name if isinstance(name, str) else None
