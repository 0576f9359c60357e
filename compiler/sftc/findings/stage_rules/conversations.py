"""Rules about what the rows of a training file teach."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

_USER = '{"messages": [{"role": "user", "content": "2 + 2?"}'
_ROW = _USER + ', {"role": "assistant", "content": "4"}]}\n'
_CALL = (
    _USER
    + ', {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "add", "arguments": "{}"}}]}'
)
_ANSWER = ', {"role": "tool", "tool_call_id": "a", "content": "4"}, {"role": "assistant", "content": "4"}]}\n'

NO_ASSISTANT = Rule(
    id="no-assistant-message",
    severity=Severity.WARNING,
    title="no message is the assistant's",
    why="The model learns what the assistant says. This row costs time and teaches nothing.",
    act="Add the answer, or drop the row.",
    invalid=_USER + "]}\n",
    valid=_ROW,
    examples="jsonl",
)

LAST_NOT_ASSISTANT = Rule(
    id="last-not-assistant",
    severity=Severity.WARNING,
    title="the last message is not the assistant's",
    why="Nothing answers it: it is read and then thrown away, and some services refuse the row.",
    act="Add the answer, or end the row at the last one.",
    invalid=_ROW.replace("]}", ', {"role": "user", "content": "Thanks!"}]}'),
    valid=_ROW,
    examples="jsonl",
)

BLANK_ASSISTANT = Rule(
    id="blank-assistant",
    severity=Severity.WARNING,
    title="the assistant says nothing",
    why="The model learns to answer with silence.",
    act="Write the answer, or drop the row.",
    invalid=_ROW.replace('"4"', '" "'),
    valid=_ROW,
    examples="jsonl",
)

UNKNOWN_ROLE = Rule(
    id="unknown-role",
    severity=Severity.WARNING,
    title="a role is not one that chat templates know",
    why="Templates know `system`, `developer`, `user`, `assistant`, `tool` and `function`. Another role fails there, or its message is left out.",
    act="Write one of those.",
    invalid=_ROW.replace("user", "human"),
    valid=_ROW,
    examples="jsonl",
)

RESULT_WITHOUT_CALL = Rule(
    id="result-without-call",
    severity=Severity.WARNING,
    title="a tool's result stands without the call before it",
    why="The model is to learn that results follow calls, and templates refuse a result that answers nothing.",
    act="Put the assistant's message with the call before it, and use the call's `id` as the `tool_call_id`.",
    invalid=_USER + _ANSWER,
    valid=_CALL + _ANSWER,
    examples="jsonl",
)

IMAGE_WITHOUT_SOURCE = Rule(
    id="image-without-source",
    severity=Severity.WARNING,
    title="an image part names no image",
    why="There is nothing to show: the model learns to describe what it cannot see.",
    act="Give the part its image, such as `image_url`, or drop it.",
    invalid=_ROW.replace('"2 + 2?"', '[{"type": "image_url"}]'),
    valid=_ROW.replace(
        '"2 + 2?"', '[{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]'
    ),
    examples="jsonl",
)

SPECIAL_TOKEN = Rule(
    id="special-token",
    severity=Severity.WARNING,
    title="text holds a special token of a chat template",
    why="The template is applied to the row later, and adds its own. A second set is learnt as text, or cuts the message short.",
    act="Keep plain text in `content`: take the row from before the template was applied.",
    invalid=_ROW.replace("4", "4<|im_end|>"),
    valid=_ROW,
    examples="jsonl",
)

NUL_IN_TEXT = Rule(
    id="nul-in-text",
    severity=Severity.WARNING,
    title="text holds the character NUL",
    why="It is seldom meant, and programs in C take it for the end of the text.",
    act="Remove `\\u0000`.",
    invalid=_ROW.replace("4", "4\\u0000"),
    valid=_ROW,
    examples="jsonl",
)

DUPLICATE_ROWS = Rule(
    id="duplicate-rows",
    severity=Severity.WARNING,
    title="rows stand in the file more than once",
    why="A row that stands twice counts twice: the model leans towards it, and learns it by heart.",
    act="Keep one of each, unless the weight is meant.",
    invalid=_ROW * 2,
    valid=_ROW,
    examples="jsonl",
)

SHARED_ROWS = Rule(
    id="shared-rows",
    severity=Severity.WARNING,
    title="rows of one file stand in another one too",
    why="A validation row that is trained on is known by heart: the loss on it says nothing of how the model does on others.",
    act="Take them out of the training file, or out of the validation file.",
)

RULES = (
    NO_ASSISTANT,
    LAST_NOT_ASSISTANT,
    BLANK_ASSISTANT,
    UNKNOWN_ROLE,
    RESULT_WITHOUT_CALL,
    IMAGE_WITHOUT_SOURCE,
    SPECIAL_TOKEN,
    NUL_IN_TEXT,
    DUPLICATE_ROWS,
    SHARED_ROWS,
)
