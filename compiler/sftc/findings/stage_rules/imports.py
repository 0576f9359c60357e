"""Rules about configs of other trainers. `sftc import` makes these findings."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

YAML_SYNTAX = Rule(
    id="yaml-syntax",
    severity=Severity.ERROR,
    title="the file is not the YAML of a config",
    why="A config is one YAML document: a table of keys, each of them set once. A guess at anything else could start a different run.",
    act="Fix the line that is shown, and import again: the parser stops at the first error. Nothing was written.",
)

UNKNOWN_TRAINER = Rule(
    id="unknown-trainer",
    severity=Severity.ERROR,
    title="it is not clear which trainer a config is for",
    why="The same key means different things to different trainers, and each has its own defaults for what a file leaves out.",
    act="Name the trainer with `--from`. Nothing was written.",
)

WRONG_VALUE = Rule(
    id="wrong-value",
    severity=Severity.ERROR,
    title="a value is of the wrong type, or a key that every run needs is missing",
    why="The trainer that the file is for would not take it either, so the file means no run.",
    act="Correct the value in the file that is imported. Nothing was written.",
)

CANNOT_IMPORT = Rule(
    id="cannot-import",
    severity=Severity.ERROR,
    title="the language cannot express a setting of another trainer",
    why="The run of the imported config is another one: it lacks what the setting does. Everything else was written.",
    act="Follow the help of the finding, or accept the other run.",
)

NOT_IMPORTED = Rule(
    id="not-imported",
    severity=Severity.WARNING,
    title="a setting was left out, or has to be set by a person",
    why="What is trained stays the same without it, but what the setting does beside the training is lost, or a file of it is still to be named.",
    act="Do what the help of the finding says.",
)

UNKNOWN_SOURCE_KEY = Rule(
    id="unknown-source-key",
    severity=Severity.WARNING,
    title="the other trainer has no such key",
    why="The trainer ignores or refuses it, so it is probably misspelt, or of another version. What it was meant to do is not imported.",
    act="Correct the name in the file and import it again, or set the key in the imported config.",
)

IMPORTED_DIFFERENTLY = Rule(
    id="imported-differently",
    severity=Severity.NOTE,
    title="a setting was imported with a small difference",
    why="The language has no setting for the difference, and the run is the same but for details.",
    act="Nothing, unless you compare runs of both trainers step by step.",
)

IMPORTED = Rule(
    id="imported",
    severity=Severity.NOTE,
    title="a setting was imported",
    why="The finding says which key of the config has it.",
    act="Nothing.",
)

EQUAL_TO_DEFAULT = Rule(
    id="equal-to-default",
    severity=Severity.NOTE,
    title="a setting says what is so without it",
    why="The value is the default of the trainer, and every imported run has it.",
    act="Nothing.",
)

WITHOUT_EFFECT = Rule(
    id="without-effect",
    severity=Severity.NOTE,
    title="a setting has no effect on what is trained",
    why="The finding says what it decides instead, or which other setting turns it off.",
    act="Nothing.",
)

DEFAULT_WRITTEN = Rule(
    id="default-written",
    severity=Severity.NOTE,
    title="a default of the other trainer was written",
    why="The file leaves the setting out, and the trainer's default is another one than that of the language.",
    act="Nothing. The run stays the same because of it.",
)

TRAINER_DETECTED = Rule(
    id="trainer-detected",
    severity=Severity.NOTE,
    title="the trainer that a config is for was detected",
    why="It was found out from the names of the keys, of which some are known to one trainer only.",
    act="Nothing, or name the trainer with `--from`.",
)

RULES = (
    YAML_SYNTAX,
    UNKNOWN_TRAINER,
    WRONG_VALUE,
    CANNOT_IMPORT,
    NOT_IMPORTED,
    UNKNOWN_SOURCE_KEY,
    IMPORTED_DIFFERENTLY,
    IMPORTED,
    EQUAL_TO_DEFAULT,
    WITHOUT_EFFECT,
    DEFAULT_WRITTEN,
    TRAINER_DETECTED,
)
