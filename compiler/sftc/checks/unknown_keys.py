"""Keys and tables that the contract does not know: never sent, and reported by name."""

from typing import Any

from sftc.checks.config import Config
from sftc.checks.rules.forwarded import MISPLACED_KEY
from sftc.checks.rules.lora import LORA_SETTING, SETTINGS
from sftc.checks.rules.renamed import RENAMED_KEY
from sftc.document.edits import move, rename
from sftc.findings.finding import Finding
from sftc.findings.stage_rules.schema import UNKNOWN_KEY, UNKNOWN_TABLE
from sftc.text.keys import Path, dotted, key
from sftc.text.suggest import near


def explain_unknown_key(config: Config, path: Path) -> Finding:
    """Return the finding about the unknown key or table at `path` of a closed table."""
    document, contract = config
    name, table, span = str(path[-1]), path[:-1], document.span(path, "key")
    value = document.get(path)
    tables = value if isinstance(value, list) else [value]  # [[name]] is a list of tables
    if tables and all(isinstance(each, dict) for each in tables):
        rule, what = UNKNOWN_TABLE, f"the table `[{dotted(path)}]` is unknown: {_contents(tables)}"
    else:
        where = f"in `[{dotted(table)}]`" if table else "outside any section"
        rule, what = UNKNOWN_KEY, f"the key `{key(name)}` is unknown {where}: it is never sent"
    help, fix = "remove it: no setting has this name", None
    newer = next((row.to for row in contract.mapping.renames if row.path == path), None)
    if newer:
        rule, help = RENAMED_KEY, f"it is called `{dotted(newer)}` now"
        fix = move(document, path, newer, safe=True)
    elif other := contract.other_names.get(name.lower()):
        help, fix = f"did you mean `{dotted(other)}`?", move(document, path, other, safe=False)
    elif places := contract.homes.get(name):
        rule, help = MISPLACED_KEY, f"it belongs at {_choices(places)}"
        fix = move(document, path, places[0], safe=False) if len(places) == 1 else None
    elif name.lower() in SETTINGS:
        rule = LORA_SETTING
        help = "the service chooses rank, alpha and the like: `training.use_qlora` turns LoRA on"
    elif meant := near(name, contract.names_in(table)):
        help, fix = f"did you mean `{meant}`?", rename(document, path, meant)
    elif meant := near(name, contract.homes.keys(), sure=True):
        help = f"did you mean {_choices(contract.homes[meant])}?"
    return rule.finding(span, what, path=path, help=help, fix=fix)


def _contents(tables: list[Any]) -> str:
    names = [f"`{key(name)}`" for name in dict.fromkeys(name for table in tables for name in table)]
    if not names:
        return "it is never sent"
    return f"{', '.join(names)} in it {'is' if len(names) == 1 else 'are'} never sent"


def _choices(places: list[Path]) -> str:
    return " or ".join(f"`{dotted(place)}`" for place in places)
