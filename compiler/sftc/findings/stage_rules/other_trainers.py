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

CONTRADICTION = Rule(
    id="no-such-run",
    severity=Severity.ERROR,
    title="settings contradict each other",
    why="A config for another trainer has to be one run. The training service and the embedded trainer decide about such a config themselves, and may refuse it.",
    act="Make the settings agree, or remove one of them.",
)

UNFINISHED = Rule(
    id="unfinished-for-target",
    severity=Severity.WARNING,
    title="the target needs a key that is not set",
    why="The trainer of this target does not begin without it.",
    act="Set the key, or add to what was written what the finding names.",
)

BAD_TARGET = Rule(
    id="bad-target",
    severity=Severity.ERROR,
    title="the files of a target are wrong",
    why="A target is a folder of tables that a compile follows. One that breaks the schema of targets, or names an unknown key, would lose settings silently.",
    act="Correct the table. The targets that come with sftc are examples.",
)

UNDECIDED = Rule(
    id="undecided-for-target",
    severity=Severity.ERROR,
    title="the target needs a setting that the config leaves open",
    why="The trainer of this target would decide otherwise than the config means, and the run would be another one.",
    act="Set the key.",
)

SMALL_DIFFERENCE = Rule(
    id="small-difference",
    severity=Severity.NOTE,
    title="the target does something slightly differently",
    why="The trainer of this target has no setting for it. The page of the target describes the difference.",
    act="Nothing, unless you compare runs of several trainers step by step.",
)

RULES = (CANNOT_EXPRESS, NOT_CARRIED, CONTRADICTION, UNFINISHED, UNDECIDED, BAD_TARGET, SMALL_DIFFERENCE)
