"""Rules about the key that names the version of the contract."""

from collections.abc import Iterator

from sftc.checks.config import Config
from sftc.contract.schemas import Schema
from sftc.contract.versions import SELECTOR
from sftc.document.edits import move, remove
from sftc.findings.finding import Finding, Severity
from sftc.findings.rule import Rule
from sftc.text.keys import ABSENT, Path, dotted

_JOB = '[job]\nmodel = "Qwen/Qwen3-4B"\n'


def late_version(config: Config, path: Path) -> Finding:
    """Return the finding about a `schema_version` inside a table; an error if it names another version."""
    document = config.document
    message = f"`{SELECTOR}` is inside `[{dotted(path[:-1])}]`, so it does not choose the version: this config is read as version {config.contract.version}"
    help = "move it to the top of the file, above every table"
    fix = move(document, path, (SELECTOR,), safe=False)
    is_other = document.get(path) != config.contract.version
    if document.get((SELECTOR,)) is not ABSENT:
        is_other, help = False, "remove it: the one at the top of the file counts"
        fix = remove(document, path, safe=False)
    found = MISPLACED_VERSION.finding(document.span(path, "key"), message, path=path, help=help, fix=fix)
    return found._replace(severity=Severity.ERROR) if is_other else found


def _below(config: Config) -> Iterator[Finding]:
    """Look into tables inside those that take any key, if no version is at the top: there it may be a note."""
    if config.document.get((SELECTOR,)) is not ABSENT:
        return
    open_tables = [path for path, schema in config.contract.properties.items() if _is_open(schema)]
    for table in open_tables:
        for path in _inner(config.document.get(table), table):
            yield late_version(config, path)._replace(severity=Severity.WARNING)


def _is_open(schema: Schema) -> bool:
    return schema.get("type") == "object" and schema.get("additionalProperties") is not False


def _inner(table: object, path: Path) -> Iterator[Path]:
    """Yield where the versions are in the tables inside a table."""
    for name, value in table.items() if isinstance(table, dict) else ():
        if isinstance(value, dict):
            if SELECTOR in value:
                yield (*path, name, SELECTOR)
            yield from _inner(value, (*path, name))


def _in_other_tables(config: Config) -> Iterator[Finding]:
    """Look into the tables that no schema closes and that are not forwarded: unknown ones, and notes."""
    contract = config.contract
    for name, value in config.document.values.items():
        is_closed = contract.properties.get((name,), {}).get("additionalProperties") is False
        if (
            isinstance(value, dict)
            and SELECTOR in value
            and not is_closed
            and (name,) not in contract.forwarded
        ):
            yield late_version(config, (name, SELECTOR))


MISPLACED_VERSION = Rule(
    id="misplaced-version",
    severity=Severity.WARNING,
    title="`schema_version` is inside a table",
    why="In TOML a key below a `[table]` header belongs to that table. There it does not choose the version of the contract, and the config may mean another run. If it names another version than the one that is in effect, it is an error.",
    act="Move it to the top of the file, above every table.",
    invalid=_JOB + "\n[hyperparameters.parallelism]\nschema_version = 1\n",
    valid="schema_version = 1\n\n" + _JOB,
)

RULES = (MISPLACED_VERSION,)
CHECKS = (_in_other_tables, _below)
