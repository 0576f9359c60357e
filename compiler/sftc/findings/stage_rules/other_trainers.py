"""Rules about settings that a target cannot express, decided by its table."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

CANNOT_EXPRESS = Rule(
    id="cannot-express",
    severity=Severity.ERROR,
    title="the target cannot express a setting",
    why="A config means one run. The trainer of this target would make another one, so there is no config for it.",
    act="Change or remove the setting if the other run is the one that you want, or choose another target.",
)

NOT_CARRIED = Rule(
    id="not-carried",
    severity=Severity.WARNING,
    title="the target has no place for a setting",
    why="The run is the same without it, but what the setting does beside the run is lost.",
    act="Remove the setting, or set it where the finding says.",
)

SMALL_DIFFERENCE = Rule(
    id="small-difference",
    severity=Severity.NOTE,
    title="the target does something slightly differently",
    why="The trainer of this target has no setting for it. The page of the target describes the difference.",
    act="Nothing, unless you compare runs of several trainers step by step.",
)

RULES = (CANNOT_EXPRESS, NOT_CARRIED, SMALL_DIFFERENCE)
