"""Rules about keys that stand in a table where they have no effect, or another than meant."""

from collections.abc import Iterator

from sftc.contract.versions import Contract
from sftc.document.edits import move, rename
from sftc.document.toml import Document
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import Path, dotted
from sftc.text.suggest import near

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'


def _forwarded(document: Document, contract: Contract) -> Iterator[tuple[Path, str]]:
    """Yield table and name of each key that passes unknown through an open table with known keys."""
    for path, known in contract.open_tables.items():
        table = document.get(path)
        if isinstance(table, dict):
            yield from ((path, name) for name in table if name not in known)


def _places(contract: Contract, name: str) -> list[Path]:
    """Return the other homes of `name`; a name of one word means too many things to tell."""
    return [path for path in contract.homes.get(name, ()) if "_" in name]


def _misplaced(document: Document, contract: Contract) -> Iterator[Finding]:
    for table, name in _forwarded(document, contract):
        if places := _places(contract, name):
            path = (*table, name)
            home = " or ".join(f"`[{dotted(place[:-1])}]`" for place in places)
            message = (
                f"`{name}` is forwarded inside `[{dotted(table)}]`, where the service does not look for it"
            )
            span = document.span(path, "key")
            fix = move(document, path, places[0], safe=False) if len(places) == 1 else None
            yield MISPLACED_KEY.finding(span, message, path=path, help=f"move it to {home}", fix=fix)


def _likely_typo(document: Document, contract: Contract) -> Iterator[Finding]:
    for table, name in _forwarded(document, contract):
        if _places(contract, name):
            continue
        if meant := near(name, contract.names_in(table), sure=True):
            path = (*table, name)
            span = document.span(path, "key")
            message = f"`{dotted(path)}` is forwarded as it is, but reads like a misspelt `{meant}`"
            fix = rename(document, path, meant)
            yield LIKELY_TYPO.finding(span, message, path=path, help=f"did you mean `{meant}`?", fix=fix)


MISPLACED_KEY = Rule(
    id="misplaced-key",
    severity=Severity.WARNING,
    title="a key stands in the wrong section",
    why="The service looks for it elsewhere, so the run does not follow it; in a table that is forwarded word for word it even seems to be sent.",
    act="Move the key to the section that is named.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\neval_steps = 20\n",
    valid=_JOB + "\n[training.validation]\neval_steps = 20\n",
    check=_misplaced,
)

LIKELY_TYPO = Rule(
    id="likely-typo",
    severity=Severity.WARNING,
    title="a forwarded key reads like a misspelt one",
    why="Tables that are forwarded word for word take any key, so a typing mistake passes and the setting does nothing.",
    act="Correct the name; if the key is meant as it stands, keep it.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\nuse_deepsped = true\n",
    valid=_JOB + "\n[hyperparameters.parallelism]\nuse_deepspeed = true\n",
    check=_likely_typo,
)

RULES = (MISPLACED_KEY, LIKELY_TYPO)
