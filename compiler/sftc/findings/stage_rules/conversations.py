"""Rules about the conversations in a training file."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

_USER = '{"messages": [{"role": "user", "content": "2 + 2?"}'
_ROW = _USER + ', {"role": "assistant", "content": "4"}]}\n'
NO_ASSISTANT = Rule(
    id="no-assistant-message",
    severity=Severity.WARNING,
    title="a row has no assistant message",
    why="The model is trained only on assistant messages. This row takes time to process and trains nothing.",
    act="Add the answer as an assistant message, or remove the row.",
    invalid=_USER + "]}\n",
    valid=_ROW,
    examples="jsonl",
)

LAST_NOT_ASSISTANT = Rule(
    id="last-not-assistant",
    severity=Severity.WARNING,
    title="the last message is not from the assistant",
    why="The last message has no answer, so it trains nothing. Some services reject the row.",
    act="Add the answer, or remove the messages after the last answer.",
    invalid=_ROW.replace("]}", ', {"role": "user", "content": "Thanks!"}]}'),
    valid=_ROW,
    examples="jsonl",
)

BLANK_ASSISTANT = Rule(
    id="blank-assistant",
    severity=Severity.WARNING,
    title="an assistant message is blank",
    why="The row trains the model to answer with nothing.",
    act="Write the answer, or remove the row.",
    invalid=_ROW.replace('"4"', '" "'),
    valid=_ROW,
    examples="jsonl",
)

NOTHING_TRAINED = Rule(
    id="nothing-trained",
    severity=Severity.WARNING,
    title="nothing in a row is trained on",
    why="The row takes time to process and trains nothing. A message with `weight: 0` is left out of the loss. With a model, an answer that its chat template loses and one that begins beyond `sequence_length` are not trained on, either.",
    act="Set `weight` to 1 on the answers to train on, raise `sequence_length`, or remove the row.",
    invalid=_ROW.replace('"4"', '"4", "weight": 0'),
    valid=_ROW.replace('"4"', '"4", "weight": 1'),
    examples="jsonl",
)

MESSAGE_WEIGHT = Rule(
    id="message-weight",
    severity=Severity.WARNING,
    title="the `weight` of a message is neither 0 nor 1, or has another name",
    why="A message is trained on or left out: there is nothing between. Any other weight counts as 1 here, and is refused elsewhere. The keys of other trainers, such as `train: false`, are not read.",
    act="Write 0 to leave the answer out, and 1, or no `weight`, to train on it.",
    invalid=_ROW.replace('"4"', '"4", "weight": 0.5'),
    valid=_ROW.replace('"4"', '"4", "weight": 1'),
    examples="jsonl",
)

BLANK_MESSAGE = Rule(
    id="blank-message",
    severity=Severity.NOTE,
    title="a user or system message is blank",
    why="Some trainers drop the row, and some chat templates write an empty turn.",
    act="Write the message, or remove it. `sftc dataset preview` shows what the model sees.",
    invalid=_ROW.replace("2 + 2?", ""),
    valid=_ROW,
    examples="jsonl",
)

NOT_ALTERNATING = Rule(
    id="not-alternating",
    severity=Severity.NOTE,
    title="user and assistant do not take turns",
    why="Some chat templates, such as those of Mistral and Gemma, reject a row whose user and assistant messages do not alternate, beginning with the user.",
    act="Join messages of the same role, if your model's template rejects the row. `sftc dataset preview` decides.",
    invalid=_ROW.replace("[", '[{"role": "user", "content": "Hi."}, '),
    valid=_ROW,
    examples="jsonl",
)

LATE_SYSTEM = Rule(
    id="late-system",
    severity=Severity.NOTE,
    title="a system message is not the first message",
    why="Some chat templates reject the row, or drop the message.",
    act="Move the text to the first message, if your model's template rejects the row. `sftc dataset preview` decides.",
    invalid=_ROW.replace(
        "]",
        ', {"role": "system", "content": "Be short."}'
        ', {"role": "user", "content": "And?"}, {"role": "assistant", "content": "5"}]',
    ),
    valid=_ROW,
    examples="jsonl",
)

UNKNOWN_ROLE = Rule(
    id="unknown-role",
    severity=Severity.WARNING,
    title="a message has an unknown role",
    why="Chat templates know `system`, `developer`, `user`, `assistant`, `tool` and `function`. With any other role, the template fails or omits the message.",
    act="Use one of these roles.",
    invalid=_ROW.replace("user", "human"),
    valid=_ROW,
    examples="jsonl",
)

IMAGE_WITHOUT_SOURCE = Rule(
    id="image-without-source",
    severity=Severity.WARNING,
    title="an image part has no image",
    why="The model is trained to answer about an image that it does not see.",
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
    title="a text contains a special token of a chat template",
    why="The chat template adds its special tokens during training. A special token in the text is trained on as text, or ends the message early.",
    act="Remove the token. If a chat template was already applied to the rows, use the rows from before that step.",
    invalid=_ROW.replace("4", "4<|im_end|>"),
    valid=_ROW,
    examples="jsonl",
)

NUL_IN_TEXT = Rule(
    id="nul-in-text",
    severity=Severity.WARNING,
    title="a text contains a NUL character",
    why="NUL is rarely intended, and C programs treat it as the end of the text.",
    act="Remove `\\u0000` from the text.",
    invalid=_ROW.replace("4", "4\\u0000"),
    valid=_ROW,
    examples="jsonl",
)

DUPLICATE_ROWS = Rule(
    id="duplicate-rows",
    severity=Severity.WARNING,
    title="rows occur more than once in a file",
    why="A row that occurs twice counts twice, and the model is more likely to memorize it.",
    act="Keep one copy of each row, unless you intend the extra weight.",
    invalid=_ROW * 2,
    valid=_ROW,
    examples="jsonl",
)

SHARED_ROWS = Rule(
    id="shared-rows",
    severity=Severity.WARNING,
    title="rows occur in more than one file",
    why="If the model is trained on its validation rows, the validation loss does not show how the model does on new rows.",
    act="Remove the shared rows from the training file or from the validation file.",
)

RULES = (
    NO_ASSISTANT,
    LAST_NOT_ASSISTANT,
    BLANK_ASSISTANT,
    NOTHING_TRAINED,
    MESSAGE_WEIGHT,
    BLANK_MESSAGE,
    NOT_ALTERNATING,
    LATE_SYSTEM,
    UNKNOWN_ROLE,
    IMAGE_WITHOUT_SOURCE,
    SPECIAL_TOKEN,
    NUL_IN_TEXT,
    DUPLICATE_ROWS,
    SHARED_ROWS,
)
