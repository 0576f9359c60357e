"""Rules about the conversations in a training file."""

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
    title="a row has no assistant message",
    why="The model is trained on assistant messages. This row takes time and has no effect.",
    act="Add the answer, or drop the row.",
    invalid=_USER + "]}\n",
    valid=_ROW,
    examples="jsonl",
)

LAST_NOT_ASSISTANT = Rule(
    id="last-not-assistant",
    severity=Severity.WARNING,
    title="the last message is not from the assistant",
    why="The message has no answer, so the model is not trained on it, and some services refuse the row.",
    act="Add the answer, or end the row at the last answer.",
    invalid=_ROW.replace("]}", ', {"role": "user", "content": "Thanks!"}]}'),
    valid=_ROW,
    examples="jsonl",
)

BLANK_ASSISTANT = Rule(
    id="blank-assistant",
    severity=Severity.WARNING,
    title="an assistant message is blank",
    why="The model is trained to answer with nothing.",
    act="Write the answer, or drop the row.",
    invalid=_ROW.replace('"4"', '" "'),
    valid=_ROW,
    examples="jsonl",
)

UNKNOWN_ROLE = Rule(
    id="unknown-role",
    severity=Severity.WARNING,
    title="a role is unknown to chat templates",
    why="Templates know `system`, `developer`, `user`, `assistant`, `tool` and `function`. With another role the template fails, or leaves the message out.",
    act="Write one of those.",
    invalid=_ROW.replace("user", "human"),
    valid=_ROW,
    examples="jsonl",
)

RESULT_WITHOUT_CALL = Rule(
    id="result-without-call",
    severity=Severity.WARNING,
    title="a tool result has no call before it",
    why="Chat templates refuse a result without a call, and the model should be trained on results that follow calls.",
    act="Put the assistant's message with the call before it, and use the call's `id` as the `tool_call_id`.",
    invalid=_USER + _ANSWER,
    valid=_CALL + _ANSWER,
    examples="jsonl",
)

IMAGE_WITHOUT_SOURCE = Rule(
    id="image-without-source",
    severity=Severity.WARNING,
    title="an image part has no image",
    why="The model is trained to describe an image that it cannot see.",
    act="Add the image to the part, for example as `image_url`, or remove the part.",
    invalid=_ROW.replace('"2 + 2?"', '[{"type": "image_url"}]'),
    valid=_ROW.replace(
        '"2 + 2?"', '[{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]'
    ),
    examples="jsonl",
)

SPECIAL_TOKEN = Rule(
    id="special-token",
    severity=Severity.WARNING,
    title="text contains a special token of a chat template",
    why="The template is applied to the row later, and adds its own tokens. A second set is trained on as text, or ends the message early.",
    act="Keep plain text in `content`: use the row from before the template was applied.",
    invalid=_ROW.replace("4", "4<|im_end|>"),
    valid=_ROW,
    examples="jsonl",
)

NUL_IN_TEXT = Rule(
    id="nul-in-text",
    severity=Severity.WARNING,
    title="text contains the character NUL",
    why="It is rarely intended, and programs in C treat it as the end of the text.",
    act="Remove `\\u0000`.",
    invalid=_ROW.replace("4", "4\\u0000"),
    valid=_ROW,
    examples="jsonl",
)

DUPLICATE_ROWS = Rule(
    id="duplicate-rows",
    severity=Severity.WARNING,
    title="rows occur more than once in the file",
    why="A row that occurs twice counts twice: the model favours it and memorizes it.",
    act="Keep one of each, unless you intend the extra weight.",
    invalid=_ROW * 2,
    valid=_ROW,
    examples="jsonl",
)

SHARED_ROWS = Rule(
    id="shared-rows",
    severity=Severity.WARNING,
    title="rows of one file also occur in another",
    why="The model memorizes a validation row that it is trained on, so the loss on it does not show how the model does on other rows.",
    act="Remove them from the training file or from the validation file.",
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
