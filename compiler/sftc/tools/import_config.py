"""The config of another trainer as a config of the newest version, with an account of each of its keys.

The mapping table of the trainer's target is read backwards, and the result is compiled for that target again:
a key was imported if the compiled config has the value that it had.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from sftc.contract.import_table import ImportTable, has_import_table, load_import_table
from sftc.contract.versions import SELECTOR, Contracts
from sftc.document.yaml_text import YamlComment, YamlDocument, parse_yaml
from sftc.findings.finding import Finding, in_order
from sftc.findings.stage_rules import imports as rules
from sftc.pipeline import examine
from sftc.text.keys import Path
from sftc.text.source import Source
from sftc.tools.config_text import LineComments, comment_line, config_lines
from sftc.tools.import_account import Account, SourceKey, source_name
from sftc.tools.import_source import ForeignConfig, ReadBeside
from sftc.tools.import_values import NewConfig


class ImportedConfig(NamedTuple):
    """The text of the new config, `None` if there is none, and the account of all keys in their order.

    `findings` are those about the keys, and those about the file.
    """

    trainer: str
    text: str | None
    keys: tuple[SourceKey, ...]
    findings: tuple[Finding, ...]


@cache
def importable(contracts: Contracts) -> Mapping[str, ImportTable]:
    """Return the tables of the trainers whose configs can be imported, by the names of their targets."""
    names = [name for name in contracts.target_names if has_import_table(contracts.read, name)]
    return {name: load_import_table(contracts.read, name) for name in names}


def import_config(
    source: Source, trainer: str | None, contracts: Contracts, beside: ReadBeside
) -> ImportedConfig:
    """Return the config of another trainer as one of the newest version.

    Args:
        source: the YAML text.
        trainer: the name of the trainer's target, `None` to find it out.
        contracts: the versions of the language.
        beside: reads a file that the config names.

    Raises:
        ConfigError: `source` is not YAML; see `parse_yaml`.
    """
    document = parse_yaml(source)
    tables = importable(contracts)
    about: list[Finding] = []
    if trainer is None:
        trainer, found = _detect(document, tables)
        about.append(found)
        if trainer is None:
            return ImportedConfig("", None, (), tuple(about))
    foreign = ForeignConfig(document, tables[trainer], contracts.target(trainer), beside)
    new = NewConfig(foreign, contracts.newest)
    account = Account(new)
    keys = account.keys()
    text = _text(new, account, keys)
    findings = [*about, *(each.finding for each in keys), *account.left_out(keys)]
    findings += _faults(text, new, account, contracts)
    is_wrong = any(found.id == rules.WRONG_VALUE.id for found in findings)
    return ImportedConfig(trainer, None if is_wrong else text, keys, tuple(in_order(findings)))


def _detect(document: YamlDocument, tables: Mapping[str, ImportTable]) -> tuple[str | None, Finding]:
    """Return the trainer that knows most of the keys, and the finding that says so, or why there is none."""
    names = list(document.values)
    known = {trainer: {name for name in names if table.knows((name,))} for trainer, table in tables.items()}
    most = max(map(len, known.values()))
    best = [trainer for trainer, found in known.items() if len(found) == most]
    span = document.source.span(0, 0)
    if not most or len(best) > 1:
        among = ", ".join(f"`{each}`" for each in (best if most else tables))
        message = (
            f"the keys fit several trainers equally well: {among}"
            if most
            else f"no trainer is known that has these keys; known are {among}"
        )
        help = f"name the trainer: `--from {best[0] if most else next(iter(tables))}`"
        return None, rules.UNKNOWN_TRAINER.finding(span, message, help=help)
    [trainer] = best
    if 2 * most < len(names):  # the keys are common words, and the file is for another program
        name, among = tables[trainer].trainer, ", ".join(each.trainer for each in tables.values())
        message = f"the file is for another program: of its {len(names)} keys, {name} has only {most}"
        help = f"only configs of {among} can be imported; if it is one of {name}, pass `--from {trainer}`"
        return None, rules.UNKNOWN_TRAINER.finding(span, message, help=help)
    others = set[str]().union(*(found for name, found in known.items() if name != trainer))
    own = [f"`{name}`" for name in names if name in known[trainer] - others]
    deciding = own or [f"`{name}`" for name in names if name in known[trainer]]
    listed = ", ".join(deciding[:5]) + (f" and {len(deciding) - 5} more" if len(deciding) > 5 else "")
    message = f"the config is read as one of {tables[trainer].trainer}, because of {listed}"
    return trainer, rules.TRAINER_DETECTED.finding(span, message)


def _faults(text: str, new: NewConfig, account: Account, contracts: Contracts) -> Iterator[Finding]:
    """Yield the errors that the new config has, on the keys of the file that they come from."""
    findings, _ = examine(lambda: Source("<imported>", text), contracts=contracts)
    for found in findings:
        if found.is_error:
            deciders = new.deciders(tuple(map(str, found.path)))
            path = next((new.foreign.places[each] for each in deciders if each in new.foreign.places), ())
            span = account.span(path) if path else new.foreign.document.source.span(0, 0)
            yield rules.WRONG_VALUE.finding(span, found.message, path=path, help=found.help)


def _text(new: NewConfig, account: Account, keys: Sequence[SourceKey]) -> str:
    """Return the new config as text, with the comments of the other one."""
    top, before, behind, rest = _comments(new.foreign.document.comments, keys)
    for key, path in account.defaults_written().items():
        behind.setdefault(key, f"{new.foreign.table.trainer}'s default of {source_name(path)}")

    def comments(path: Path) -> LineComments:
        return LineComments(before.get(path, ()), behind.get(path, ""))

    lines = [*map(comment_line, top), *([""] if top else []), f"{SELECTOR} = {new.language.version}"]
    lines += config_lines(new.as_tables(), comments)
    lines += ["", *map(comment_line, rest)] if rest else []
    return "\n".join(lines) + "\n"


def _comments(
    comments: Sequence[YamlComment], keys: Sequence[SourceKey]
) -> tuple[list[str], dict[Path, list[str]], dict[Path, str], list[str]]:
    """Return comments for the top, those before keys and behind them, and those that have no place."""
    homes = {each.path: each.to[0] for each in keys if each.to}
    top: list[str] = []
    before: dict[Path, list[str]] = {}
    behind: dict[Path, str] = {}
    rest: list[str] = []
    for each in comments:
        about = each.path or (None,)
        home = next((homes[path] for path in homes if path[: len(about)] == about), None)
        if each.is_top:
            top.append(each.text)
        elif home is None:
            rest.append(f" {source_name(each.path)}: {each.text.strip()}" if each.path else each.text)
        elif each.is_own_line or home in behind:
            before.setdefault(home, []).append(each.text)
        else:
            behind[home] = each.text
    return top, before, behind, rest
