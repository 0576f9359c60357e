"""Rules about the comments that sftc and editors read."""

from typing import Final

from sftc.findings.finding import Severity
from sftc.findings.rule import Rule

SUPPRESSION: Final = "sftc: ignore["
"""The start of a comment that suppresses findings, up to the rules that it names."""

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n\n[compute]\ngpu_type = "H100"\n'

UNUSED_SUPPRESSION = Rule(
    id="unused-suppression",
    severity=Severity.WARNING,
    title="a suppression suppresses nothing",
    why="It would hide the finding if it came back. Errors cannot be suppressed.",
    act="Remove the comment, or the rule from its list.",
    invalid=_JOB + "gpu_count = 1 # sftc: ignore[unknown-key]\n",
    valid=_JOB + 'variant = "sxm" # sftc: ignore[unknown-key]\n',
)

MISSING_SCHEMA_FILE = Rule(
    id="missing-schema-file",
    severity=Severity.WARNING,
    title="the `#:schema` line names a file that does not exist",
    why="Editors read that file to complete, explain and check keys. Without it they silently do none of that.",
    act="Correct the path, which is relative to the config, or write the file: `sftc schema --bundle --output FILE`.",
)

RULES = (UNUSED_SUPPRESSION, MISSING_SCHEMA_FILE)
