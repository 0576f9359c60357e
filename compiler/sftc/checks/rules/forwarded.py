"""Rules about keys in a table where they have no effect, or an unintended effect."""

from collections.abc import Iterator

from sftc.checks.config import Config
from sftc.contract.versions import Contract
from sftc.document.edits import move, rename
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import Path, dotted
from sftc.text.suggest import near

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'


def _forwarded(config: Config) -> Iterator[tuple[Path, str]]:
    """Yield table and name of each key that an open table with known keys forwards unread."""
    for path, known in config.contract.open_tables.items():
        table = config.document.get(path)
        if isinstance(table, dict):
            yield from ((path, name) for name in table if name not in known)


def _places(contract: Contract, name: str) -> list[Path]:
    """Return the other homes of `name`; a one-word name is too ambiguous to have one."""
    return [path for path in contract.homes.get(name, ()) if "_" in name]


def _misplaced(config: Config) -> Iterator[Finding]:
    document = config.document
    for table, name in _forwarded(config):
        if places := _places(config.contract, name):
            path = (*table, name)
            home = " or ".join(f"`[{dotted(place[:-1])}]`" for place in places)
            message = (
                f"`{name}` is forwarded inside `[{dotted(table)}]`, where the service does not look for it"
            )
            span = document.span(path, "key")
            fix = move(document, path, places[0], safe=False) if len(places) == 1 else None
            yield MISPLACED_KEY.finding(span, message, path=path, help=f"move it to {home}", fix=fix)


def _likely_typo(config: Config) -> Iterator[Finding]:
    document = config.document
    for table, name in _forwarded(config):
        if _places(config.contract, name):
            continue
        if meant := near(name, config.contract.names_in(table), sure=True):
            path = (*table, name)
            span = document.span(path, "key")
            message = f"`{dotted(path)}` is forwarded unchanged, but looks like a misspelt `{meant}`"
            fix = rename(document, path, meant)
            yield LIKELY_TYPO.finding(span, message, path=path, help=f"did you mean `{meant}`?", fix=fix)


MISPLACED_KEY = Rule(
    id="misplaced-key",
    severity=Severity.WARNING,
    title="a key is in the wrong section",
    why="The service looks for it elsewhere, so the run does not follow it. In a table that is forwarded unchanged it even appears to be sent.",
    act="Move the key to the section that the finding names.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\neval_steps = 20\n",
    valid=_JOB + "\n[training.validation]\neval_steps = 20\n",
)

LIKELY_TYPO = Rule(
    id="likely-typo",
    severity=Severity.WARNING,
    title="a forwarded key looks misspelt",
    why="Tables that are forwarded unchanged take any key, so a typo passes and the setting has no effect.",
    act="Correct the name. If the key is correct as it is, keep it.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\nuse_deepsped = true\n",
    valid=_JOB + "\n[hyperparameters.parallelism]\nuse_deepspeed = true\n",
)

RULES = (MISPLACED_KEY, LIKELY_TYPO)
CHECKS = (_misplaced, _likely_typo)
