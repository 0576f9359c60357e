"""Rules about the tool calls in a training file, and their results."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule


def _row(*messages: str, columns: str = "") -> str:
    talk = ", ".join(('{"role": "user", "content": "2 + 2?"}', *messages))
    return f'{{"messages": [{talk}]{columns}}}\n'


def _call(*ids: str, name: str = "add", arguments: str = "{}") -> str:
    calls = ", ".join(
        f'{{"id": "{id}", "type": "function", "function": {{"name": "{name}", "arguments": "{arguments}"}}}}'
        for id in ids
    )
    return f'{{"role": "assistant", "tool_calls": [{calls}]}}'


def _result(id: str) -> str:
    return f'{{"role": "tool", "tool_call_id": "{id}", "content": "4"}}'


_ANSWER = '{"role": "assistant", "content": "4"}'
_ASKED = '{"role": "user", "content": "And?"}'
_VALID = _row(_call("a"), _result("a"), _ANSWER)
_TOOLS = ', "tools": [{"type": "function", "function": {"name": "add"}}]'

RESULT_WITHOUT_CALL = Rule(
    id="result-without-call",
    severity=Severity.WARNING,
    title="a tool result has no matching call before it",
    why="A tool result answers a call in an earlier assistant message. Without that call, a chat template rejects the row, or the model is trained on a conversation that never happens.",
    act="Add the assistant message with the call before the result, and set the result's `tool_call_id` to the `id` of the call.",
    invalid=_row(_result("a"), _ANSWER),
    valid=_VALID,
    examples="jsonl",
)

LATE_RESULT = Rule(
    id="late-result",
    severity=Severity.WARNING,
    title="a tool result does not follow its call",
    why="Results come right after the message with their calls. Otherwise, many chat templates and services reject the row, or the model sees the result at another place.",
    act="Move the result behind the message with the call.",
    invalid=_row(_call("a"), _ASKED, _result("a"), _ANSWER),
    valid=_VALID,
    examples="jsonl",
)

CALL_WITHOUT_RESULT = Rule(
    id="call-without-result",
    severity=Severity.WARNING,
    title="a tool call has no result before the conversation continues",
    why="The model is trained to continue without waiting for its tools, and some services reject the row. A call that ends the row needs no result.",
    act="Add a `tool` message with the result behind the call, or end the row with the call.",
    invalid=_row(_call("a"), _ANSWER),
    valid=_VALID,
    examples="jsonl",
)

RESULTS_OUT_OF_ORDER = Rule(
    id="results-out-of-order",
    severity=Severity.NOTE,
    title="the results of parallel calls are not in the order of the calls",
    why="Most chat templates write no ids, so the model takes the first result for that of the first call.",
    act="Put the results in the order of the calls, unless your template writes ids.",
    invalid=_row(_call("a", "b"), _result("b"), _result("a"), _ANSWER),
    valid=_row(_call("a", "b"), _result("a"), _result("b"), _ANSWER),
    examples="jsonl",
)

CALL_ARGUMENTS = Rule(
    id="call-arguments",
    severity=Severity.WARNING,
    title="the arguments of a tool call are not a JSON object",
    why="The model learns to write calls that no program can read. Chat templates that write the arguments as an object fail on the row.",
    act='Write the arguments as a JSON object in a string, for example `"{\\"a\\": 2}"`; `"{}"` if there are none.',
    invalid=_row(_call("a", arguments="a=2")),
    valid=_row(_call("a", arguments='{\\"a\\": 2}')),
    examples="jsonl",
)

UNKNOWN_TOOL = Rule(
    id="unknown-tool",
    severity=Severity.WARNING,
    title="a tool call names a tool that the row does not offer",
    why="The model learns to call tools that do not exist.",
    act="Correct the name, or add the tool to `tools`.",
    invalid=_row(_call("a", name="ad"), columns=_TOOLS),
    valid=_row(_call("a"), columns=_TOOLS),
    examples="jsonl",
)

OLD_CALL = Rule(
    id="old-call",
    severity=Severity.WARNING,
    title="a tool call or a tool is in another form",
    why="`function_call` and `functions` were replaced by `tool_calls` and `tools`. Chat templates write neither the old names nor the `tool_use` and `tool_result` blocks of Anthropic, so the model sees neither the call nor the tool.",
    act="Write the call as `tool_calls`, or convert the file with `sftc dataset convert`.",
    invalid=_row('{"role": "assistant", "content": "", "function_call": {"name": "add", "arguments": "{}"}}'),
    valid=_VALID,
    examples="jsonl",
)

RULES = (
    RESULT_WITHOUT_CALL,
    LATE_RESULT,
    CALL_WITHOUT_RESULT,
    RESULTS_OUT_OF_ORDER,
    CALL_ARGUMENTS,
    UNKNOWN_TOOL,
    OLD_CALL,
)
