"""Rules about TOML itself, before any key is looked at."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

TOML_SYNTAX = Rule(
    id="toml-syntax",
    severity=Severity.ERROR,
    title="the config is not valid TOML",
    why="The compiler does not guess at text that it cannot parse: the guess could start a different run.",
    act="Fix the line that is shown, and compile again: the parser stops at the first error.",
    invalid="[job]\nmodel = Qwen/Qwen3-4B\n",
    valid='[job]\nmodel = "Qwen/Qwen3-4B"\n',
)

DUPLICATE_KEY = Rule(
    id="duplicate-key",
    severity=Severity.ERROR,
    title="a key or table is defined twice",
    why="TOML forbids it, because it is not clear which of the two values is meant.",
    act="Keep one of the two.",
    invalid='[job]\nmodel = "Qwen/Qwen3-4B"\nmodel = "Qwen/Qwen3-8B"\n',
    valid='[job]\nmodel = "Qwen/Qwen3-8B"\n',
)

NESTING_TOO_DEEP = Rule(
    id="nesting-too-deep",
    severity=Severity.ERROR,
    title="values are nested more than 64 levels deep",
    why="JSON readers limit nesting, and services do not read a config that deep.",
    act="Flatten the value.",
    invalid='[job]\nmodel = "Qwen/Qwen3-4B"\n\n[data.topology]\ndeep = ' + "[" * 70 + "]" * 70 + "\n",
    valid='[job]\nmodel = "Qwen/Qwen3-4B"\n\n[data.topology]\ndeep = [[1]]\n',
)

OVERRIDE_CONFLICT = Rule(
    id="override-conflict",
    severity=Severity.ERROR,
    title="a flag sets a key inside a value that is not a table",
    why="`--set a.b=1` needs `a` to be a table. If the config sets `a` to another value, one of the two is wrong.",
    act="Correct the key of the flag, or the config.",
)

RULES = (TOML_SYNTAX, DUPLICATE_KEY, NESTING_TOO_DEEP, OVERRIDE_CONFLICT)
