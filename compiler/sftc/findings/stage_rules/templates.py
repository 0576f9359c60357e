"""Rules about rows as the chat template of a model renders them."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

_ROW = '{"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "4"}]}\n'
_TURNS = (
    ', {"role": "user", "content": "3 + 3?"}, {"role": "assistant", "tool_calls": [{"id": "a", '
    '"type": "function", "function": {"name": "add", "arguments": "{}"}}]}, '
    '{"role": "tool", "tool_call_id": "a", "content": "6"}, {"role": "assistant", "content": "6"}]}'
)

TEMPLATE_REFUSES_ROW = Rule(
    id="template-refuses-row",
    severity=Severity.ERROR,
    title="the model's chat template refuses a row",
    why="The template turns the messages of a row into the text that the model is trained on. A job fails at the first row that its template refuses, such as one with a system message or with two messages of the user in a row.",
    act="Change the rows to what the template takes, or choose a model whose template takes them.",
    invalid=_ROW.replace("[", '[{"role": "system", "content": "Be brief."}, '),
    valid=_ROW,
    examples="jsonl",
    needs="a chat template without system messages",
)

PART_NOT_TEXT = Rule(
    id="part-not-text",
    severity=Severity.ERROR,
    title="a part of a message is not text",
    why="The embedded trainer reads only text, and a job fails at a row with anything else. A service may train on images.",
    act="Remove the part, or use a service that trains on it.",
    invalid=_ROW.replace(
        '"2 + 2?"', '[{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]'
    ),
    valid=_ROW,
    examples="jsonl",
    needs="any model",
)

ANSWER_NOT_FOUND = Rule(
    id="answer-not-found",
    severity=Severity.ERROR,
    title="the answers of a row cannot be found in what the chat template makes of it",
    why="The model is trained on the answers only. If a template changes the texts that it renders, for example to capitalize them, the trainer cannot tell which tokens they are, and the job fails.",
    act="Choose a model whose template writes texts as they are, or mark the answers in the template with `{% generation %}`.",
    invalid=_ROW.replace("4", "four"),
    valid=_ROW,
    examples="jsonl",
    needs="a chat template that capitalizes answers",
)

ANSWER_LEFT_OUT = Rule(
    id="answer-left-out",
    severity=Severity.WARNING,
    title="an answer is lost by the chat template",
    why="The template does not render the answer, or renders it without its tool calls. It is not trained on, because the model would be trained to answer with nothing.",
    act="Choose a model whose template renders tool calls, or remove these answers.",
    invalid=_ROW.replace("]}", _TURNS),
    valid=_ROW,
    examples="jsonl",
    needs="a chat template without tool calls",
)

PART_LEFT_OUT = Rule(
    id="part-left-out",
    severity=Severity.NOTE,
    title="a part of an answer is lost by the chat template",
    why="The template drops the thoughts of an answer, or the text beside its tool calls. The model is not trained on that part. Many templates keep only the thoughts of the last answer.",
    act="If the part matters, choose a model whose template renders it, or make a row of each answer.",
    invalid=_ROW.replace('"4"', '"4", "reasoning_content": "Add."'),
    valid=_ROW,
    examples="jsonl",
    needs="a chat template without thoughts",
)

ANSWER_CUT = Rule(
    id="answer-cut",
    severity=Severity.WARNING,
    title="an answer is cut at `sequence_length`",
    why="Tokens beyond `sequence_length` are cut off. The model never sees the end of the answer, nor the token that ends it.",
    act="Raise `sequence_length` if the model reads that many tokens, or shorten the rows.",
    invalid=_ROW.replace("4", "4" * 400),
    valid=_ROW,
    examples="jsonl",
    needs="a model that reads 256 tokens",
)

END_TOKEN_NOT_TRAINED = Rule(
    id="end-token-not-trained",
    severity=Severity.WARNING,
    title="no end token is trained on after an answer",
    why="The model learns to stop from the token that ends an answer. Without it, the model writes on after its answer, until a limit stops it. The chat template writes no end token after the answer.",
    act="Correct the chat template so that an end token follows each answer, or choose another model.",
    invalid=_ROW.replace(
        "]", ', {"role": "user", "content": "3 + 3?"}, {"role": "assistant", "content": "6"}]'
    ),
    valid=_ROW,
    examples="jsonl",
    needs="a chat template that ends only the last answer",
)

DOUBLE_BOS = Rule(
    id="double-bos",
    severity=Severity.WARNING,
    title="a row begins with two tokens for the beginning of a text",
    why="A model is trained with one such token. A second one makes its answers worse. It comes from a chat template that writes the token twice, or from a row whose text begins with it.",
    act="Remove the token from the rows, or correct the chat template.",
)

PADDING_IS_END = Rule(
    id="padding-is-end",
    severity=Severity.NOTE,
    title="the padding token is the token that ends answers",
    why="The embedded trainer knows padding by its place and trains on the end of each answer. A trainer that ignores padding by its token ignores the ends, too, and the model never learns to stop.",
    act="For such a trainer, set another padding token in the tokenizer.",
)

RULES = (
    TEMPLATE_REFUSES_ROW,
    PART_NOT_TEXT,
    ANSWER_NOT_FOUND,
    ANSWER_LEFT_OUT,
    PART_LEFT_OUT,
    ANSWER_CUT,
    END_TOKEN_NOT_TRAINED,
    DOUBLE_BOS,
    PADDING_IS_END,
)
