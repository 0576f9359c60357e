"""Rules about training files that are converted. `sftc dataset convert` makes these findings."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

CONVERTED_FROM = Rule(
    id="converted-from",
    severity=Severity.NOTE,
    title="the format of a converted file was detected",
    why="The columns of a file decide what becomes the question and what the answer. A wrong guess would train the model on the wrong text.",
    act="Compare the finding with the file. Its command repeats the conversion without a guess.",
)

FIELD_NOT_CONVERTED = Rule(
    id="field-not-converted",
    severity=Severity.NOTE,
    title="a field was not taken over",
    why="A training file has messages, tools and metadata. A field that is none of these is left out of the output.",
    act="Pass `--map FIELD=metadata` to keep it, or `--map FIELD=user` if it is part of the question. `--report` lists all such fields.",
)

UNCONVERTIBLE_FILE = Rule(
    id="unconvertible-file",
    severity=Severity.ERROR,
    title="a file cannot be converted",
    why="The file is damaged, is of an unknown kind, or it is not clear which of its parts to read.",
    act="Follow the help of the finding. Nothing was written.",
)

UNCONVERTIBLE_ROW = Rule(
    id="unconvertible-row",
    severity=Severity.ERROR,
    title="a row cannot be converted",
    why="The row has no known columns, or `sftc dataset check` would complain about it after the conversion. A row is never dropped silently.",
    act="Fix the row, name its columns with `--map FIELD=ROLE`, or leave such rows out with `--skip-bad`.",
)

RULES = (CONVERTED_FROM, FIELD_NOT_CONVERTED, UNCONVERTIBLE_FILE, UNCONVERTIBLE_ROW)
