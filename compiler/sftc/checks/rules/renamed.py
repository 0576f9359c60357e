"""Rules about keys that have a new name, by the contract's table of renames."""

from collections.abc import Iterator

from sftc.checks.config import Config
from sftc.document.edits import move
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import ABSENT, dotted

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'


def _older_name(config: Config) -> Iterator[Finding]:
    document, contract = config.document, config.contract
    for path, to, why in contract.mapping.renames:
        known, value = path in contract.properties, document.get(path)
        if known and value is not ABSENT and document.get(to) is ABSENT:
            message = f"`{dotted(path)}` is the older name of `{dotted(to)}`"
            fix = move(document, path, to, safe=True) if contract.allows(to, value) else None
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

NEWER_KEY = Rule(
    id="newer-key",
    severity=Severity.WARNING,
    title="a key of a newer version of the contract",
    why="A config without `schema_version` is of version 1, which does not send this key: the run does not follow it.",
    act="Run `sftc migrate`, which writes `schema_version` and moves the keys that are now called otherwise; or remove the key.",
    invalid=_JOB + "\n[hyperparameters]\nweight_decay = 0.01\n",
    valid="schema_version = 2\n\n" + _JOB + "\n[hyperparameters]\nweight_decay = 0.01\n",
)

MIGRATE_BY_HAND = Rule(
    id="migrate-by-hand",
    severity=Severity.ERROR,
    title="`sftc migrate` leaves this to you",
    why="Two keys of the config contradict each other, or the key is written in a form that cannot be moved without rewriting what is around it. The file stays as it is, because in a half-migrated config the same words could mean another run.",
    act="Change what the finding names, then run `sftc migrate` again.",
)

RULES = (OLDER_NAME, RENAMED_KEY, NEWER_KEY, MIGRATE_BY_HAND)
CHECKS = (_older_name,)
