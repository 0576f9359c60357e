"""Rules about what the service of a target does not take, decided by its table and its answers."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

BEYOND_LIMIT = Rule(
    id="beyond-service-limit",
    severity=Severity.ERROR,
    title="the service does not train the model with this value",
    why="The service says what it takes for each model, and refuses a job outside of it.",
    act="Choose a value within the limits, or another model.",
)

ROW_NOT_TAKEN = Rule(
    id="row-not-taken",
    severity=Severity.ERROR,
    title="the service does not take this row",
    why="The service takes less than what a training file may have, and refuses the whole file because of one row.",
    act="Change the row as the finding says, or choose another service.",
)

RULES = (BEYOND_LIMIT, ROW_NOT_TAKEN)
