"""Rules about TOML itself, before any key is looked at."""

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

TOML_SYNTAX = Rule(
    id="toml-syntax",
    severity=Severity.ERROR,
    title="the config is not valid TOML",
    why="What cannot be parsed cannot be trusted: a guess at what was meant could start another run than the one written down.",
    act="Mend the line that is shown. The parser stops at the first mistake, so compile again afterwards.",
    invalid="[job]\nmodel = Qwen/Qwen3-4B\n",
    valid='[job]\nmodel = "Qwen/Qwen3-4B"\n',
)

DUPLICATE_KEY = Rule(
    id="duplicate-key",
    severity=Severity.ERROR,
    title="a key or table is defined twice",
    why="TOML forbids it: which of the two values was meant is anybody's guess.",
    act="Keep one of the two.",
    invalid='[job]\nmodel = "Qwen/Qwen3-4B"\nmodel = "Qwen/Qwen3-8B"\n',
    valid='[job]\nmodel = "Qwen/Qwen3-8B"\n',
)

NESTING_TOO_DEEP = Rule(
    id="nesting-too-deep",
    severity=Severity.ERROR,
    title="values are nested over 64 levels deep",
    why="JSON readers set a limit to nesting, and no service reads a config that deep.",
    act="Flatten the value.",
    invalid='[job]\nmodel = "Qwen/Qwen3-4B"\n\n[data.topology]\ndeep = ' + "[" * 70 + "]" * 70 + "\n",
    valid='[job]\nmodel = "Qwen/Qwen3-4B"\n\n[data.topology]\ndeep = [[1]]\n',
)

OVERRIDE_CONFLICT = Rule(
    id="override-conflict",
    severity=Severity.ERROR,
    title="a flag sets a key inside something that is no table",
    why="`--set a.b=1` needs `a` to be a table; where the config has a plain value there, one of the two is wrong.",
    act="Correct the key of the flag, or the config.",
)

RULES = (TOML_SYNTAX, DUPLICATE_KEY, NESTING_TOO_DEEP, OVERRIDE_CONFLICT)
