"""Rules about the configs that a config extends."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

_JOB = 'schema_version = 2\n\n[job]\nmodel = "Qwen/Qwen3-4B"\n'

UNREADABLE_BASE = Rule(
    id="unreadable-base",
    severity=Severity.ERROR,
    title="the config that this one extends cannot be read",
    why="`extends` names one config by its path, which is relative to the folder of the file that says it. Without the values of that config, this one means another run. Its name ends in `.toml`, so that no other file is shown by mistake.",
    act="Correct the path, or remove `extends` and write the values here.",
    invalid='extends = "no-such-file.toml"\n' + _JOB,
    valid=_JOB,
)

ENDLESS_EXTENDS = Rule(
    id="endless-extends",
    severity=Severity.ERROR,
    title="configs extend each other without end",
    why="Each config takes the values of the one that it extends. If that one extends the first, there is no end, and nothing says whose value counts. A chain of more than eight configs is refused as well.",
    act="Remove `extends` from one of the configs in the chain.",
)

BASE_VERSION = Rule(
    id="base-version",
    severity=Severity.ERROR,
    title="a config and the one that it extends are of different versions",
    why="Keys may mean something else in another version of the contract. A config without `schema_version` is of version 1.",
    act="Write the same `schema_version` in both files, or rewrite the older one with `sftc migrate`.",
)

RULES = (UNREADABLE_BASE, ENDLESS_EXTENDS, BASE_VERSION)
