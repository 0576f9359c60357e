"""Rules about rows that are too long for a config's `sequence_length`."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

ROW_CANNOT_FIT = Rule(
    id="row-cannot-fit",
    severity=Severity.WARNING,
    title="a row is too long for `sequence_length`",
    why="Tokens beyond `sequence_length` are cut off, usually the end of the answer. The check assumes 16 bytes per token. English text has about 4, and no tokenizer in use comes near 16 over a whole row. A row without this finding can still be too long.",
    act="Raise `sequence_length`, or split the row.",
)

LABELS_CUT_OFF = Rule(
    id="labels-cut-off",
    severity=Severity.WARNING,
    title="every answer in a row is cut off",
    why="The first answer begins beyond `sequence_length`, even at 16 bytes per token. The row has no tokens left to train on, and the run reports no error.",
    act="Raise `sequence_length`, or shorten the text before the answer.",
)

NO_ROOM_FOR_ANSWER = Rule(
    id="no-room-for-answer",
    severity=Severity.ERROR,
    title="a conversation is as long as all that the model reads",
    why="A model reads a fixed number of tokens, its own answer included. Nothing is left for the answer.",
    act="Shorten the conversation, or ask a model that reads more.",
)

RULES = (ROW_CANNOT_FIT, LABELS_CUT_OFF, NO_ROOM_FOR_ANSWER)
