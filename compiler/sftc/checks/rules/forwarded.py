"""Rules about keys in a table where they have no effect, or an unintended effect."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from sftc.checks.config import Config
from sftc.checks.rules.schema_version import late_version
from sftc.contract.versions import SELECTOR
from sftc.document.edits import rewrite
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import Path, dotted
from sftc.text.quoted_values import unquoted_advice, without_quotes
from sftc.text.suggest import near

if TYPE_CHECKING:
    from sftc.checks.counterparts import Counterparts

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'

_SHORT_WORDS: Final = frozenset({"r", "rank", "alpha", "to", "keep", "name", "project", "tags"})
"""Names of keys that mean many things: in a table that takes any key they are not misplaced."""

_CLEAR: Final = frozenset({"lr", "epochs"})
"""Short names of other trainers that hardly mean two things."""

_LONG: Final = 10
"""The letters of a word that hardly means two things."""


def _forwarded(config: Config) -> Iterator[tuple[Path, Path]]:
    """Yield each forwarded table, and the path of each key in it that the contract does not describe."""
    for table, known in config.contract.forwarded.items():
        values = config.document.get(table)
        if isinstance(values, dict):
            yield from ((table, (*table, name)) for name in values if name not in known)


def _misplaced(config: Config) -> Iterator[Finding]:
    for table, path in _forwarded(config):
        name = str(path[-1])
        if name == SELECTOR:
            yield late_version(config, path)
        elif name not in _SHORT_WORDS and _may_be_meant(config, table, name):
            yield from _meant_elsewhere(config, table, path)


def _may_be_meant(config: Config, table: Path, name: str) -> bool:
    """Return whether `name` is a name of some key, or almost one of the table: most forwarded keys are not."""
    if config.contract.names.knows(name) or (config.is_older and config.newest.names.knows(name)):
        return True
    return near(name, config.contract.names.in_table(table), sure=True) is not None


def _meant_elsewhere(config: Config, table: Path, path: Path) -> Iterator[Finding]:
    from sftc.checks.counterparts import also_set, choices, counterparts, fix_of, sections, sentences

    document, name = config.document, str(path[-1])
    is_table = isinstance(document.get(path), dict)
    found = counterparts(config, path, is_table=is_table, sure=True)
    if typo := found.spelled or found.similar:
        message = f"`{dotted(path)}` is forwarded unchanged, but looks like a misspelt `{typo[-1]}`"
        help, fix = f"did you mean `{typo[-1]}`?", fix_of(config, path, typo)
        yield LIKELY_TYPO.finding(document.span(path, "key"), message, path=path, help=help, fix=fix)
        return
    if (mirrored := config.contract.mirrored(table)) and mirrored in _tables(found):
        return
    is_clear = is_table or "_" in name or len(name) >= _LONG or name in _CLEAR or table in _tables(found)
    places = found.places or (found.others if is_clear else [])
    if places:
        named, taken = all(place[-1] == name for place in places), also_set(config, places)
        where = f"move it to {sections(places)}" if all(place[:-1] for place in places) else ""
        where = where or f"it belongs at {choices(config, places)}"
        help = where if named else f"did you mean {choices(config, places)}?"
        help = taken if named and taken else sentences(help, taken)
        fix = fix_of(config, path, places[0]) if len(places) == 1 else None
    elif found.newer and (is_clear or any(place[-1] == name for place in found.newer)):
        newer, fix = choices(config, found.newer), None
        help = f"version {config.newest.version} has {newer}: move it there, and run `sftc migrate`"
    else:
        return
    message = f"`{name}` is forwarded inside `[{dotted(table)}]`, where the service does not look for it"
    yield MISPLACED_KEY.finding(document.span(path, "key"), message, path=path, help=help, fix=fix)


def _tables(found: "Counterparts") -> list[Path]:
    return [place[:-1] for place in (*found.places, *found.others)]


def _quoted(config: Config) -> Iterator[Finding]:
    for path, text in config.strings:
        if not (meant := without_quotes(text)) or not _is_forwarded(config, path):
            continue
        kind, value = meant
        written = config.document.snippet(path)
        message = f"`{dotted(path)}` is the string {written}, and looks like a {kind}"
        help, fix = unquoted_advice(written, value), rewrite(config.document, path, value, safe=False)
        yield QUOTED_VALUE.finding(config.document.span(path), message, path=path, help=help, fix=fix)


def _is_forwarded(config: Config, path: Path) -> bool:
    """Return whether the value at `path` is in a table that is forwarded with any key, and not described."""
    tables = config.contract.forwarded
    inside = any(path[: len(table)] == table for table in tables)
    return inside and path not in config.contract.properties


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

QUOTED_VALUE = Rule(
    id="quoted-value",
    severity=Severity.WARNING,
    title="a number or a boolean is in quotes",
    why='Tables that are forwarded unchanged take any value. A backend that expects a number or a boolean may read `"false"` as true, or refuse the job.',
    act="Remove the quotes. If it has to be a string, keep it.",
    invalid=_JOB + '\n[hyperparameters.parallelism]\nring_size = "2"\n',
    valid=_JOB + "\n[hyperparameters.parallelism]\nring_size = 2\n",
)

RULES = (MISPLACED_KEY, LIKELY_TYPO, QUOTED_VALUE)
CHECKS = (_misplaced, _quoted)
