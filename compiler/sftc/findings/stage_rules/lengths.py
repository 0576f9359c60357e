"""Rules about rows that are too long for a config's `sequence_length`."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

ROW_CANNOT_FIT = Rule(
    id="row-cannot-fit",
    severity=Severity.WARNING,
    title="a row cannot fit `sequence_length`",
    why="Tokens beyond the length are cut off, most often the end of the answer. The limit used here is 16 bytes a token: English takes about 4, and no tokenizer in use comes near 16 over a whole row. Rows below the limit can still be too long.",
    act="Raise `sequence_length`, or split the row.",
)

LABELS_CUT_OFF = Rule(
    id="labels-cut-off",
    severity=Severity.WARNING,
    title="every answer of a row is cut off",
    why="The first answer begins beyond `sequence_length`, at the limit of 16 bytes a token. The row has no tokens left to train on, and the run looks fine.",
    act="Raise `sequence_length`, or shorten the text before the answer.",
)

RULES = (ROW_CANNOT_FIT, LABELS_CUT_OFF)
