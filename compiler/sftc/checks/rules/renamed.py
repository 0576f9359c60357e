"""Rules about keys that have a new name, by the contract's table of renames."""

from collections.abc import Iterator

from sftc.checks.config import Config
from sftc.document.edits import move
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import ABSENT, dotted

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'


def _older_name(config: Config) -> Iterator[Finding]:
    document, contract = config
    for path, to, why in contract.mapping.renames:
        known = path in contract.properties
        if known and document.get(path) is not ABSENT and document.get(to) is ABSENT:
            message = f"`{dotted(path)}` is the older name of `{dotted(to)}`"
            fix = move(document, path, to, safe=True)
            yield OLDER_NAME.finding(document.span(path, "key"), message, path=path, help=why, fix=fix)


OLDER_NAME = Rule(
    id="older-name",
    severity=Severity.NOTE,
    title="a key has its older name",
    why="It is still read, and means the same. One name for one thing is easier to find and to override.",
    act="Use the newer name; `sftc lint --fix` does it.",
    invalid=_JOB + 'data_path = "train.jsonl"\n',
    valid=_JOB + 'data = "train.jsonl"\n',
)

RENAMED_KEY = Rule(
    id="renamed-key",
    severity=Severity.WARNING,
    title="a key has a new name in this version of the contract",
    why="A key with the old name is not read any more, and never sent.",
    act="Use the new name; `sftc migrate` does it for whole files.",
)

RULES = (OLDER_NAME, RENAMED_KEY)
CHECKS = (_older_name,)
