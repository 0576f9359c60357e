"""Keys and tables that the contract does not know: never sent, and said so, each by name."""

from sftc.contract import Contract
from sftc.document import Document
from sftc.findings import Edit, Finding, Fix
from sftc.keys import Path, dotted, key
from sftc.rules.forwarded import MISPLACED_KEY
from sftc.rules.shape import UNKNOWN_KEY, UNKNOWN_TABLE
from sftc.suggest import near

_LISTED = 8


def explain(document: Document, contract: Contract, path: Path) -> Finding:
    """Return the finding about the unknown key or table at `path` of a closed table."""
    name, table, span = str(path[-1]), path[:-1], document.span(path, "key")
    value = document.get(path)
    first = value[0] if isinstance(value, list) and value else value  # [[name]] is a list of tables
    if isinstance(first, dict):
        rule, what = UNKNOWN_TABLE, f"the table `[{dotted(path)}]` is unknown: {_contents(first)}"
    else:
        where = f"in `[{dotted(table)}]`" if table else "outside any section"
        rule, what = UNKNOWN_KEY, f"the key `{key(name)}` is unknown {where}: it is never sent"
    help, fix = "remove it: no setting of this name exists", None
    if places := contract.homes.get(name):
        rule, help = MISPLACED_KEY, f"it belongs at {_choices(places)}"
    elif meant := near(name, contract.names_in(table)):
        help = f"did you mean `{meant}`?"
        fix = None if span.source.is_flag else Fix(f"rename it to {meant}", (Edit(span, meant),), safe=False)
    elif meant := near(name, contract.homes.keys(), sure=True):
        help = f"did you mean {_choices(contract.homes[meant])}?"
    return rule.finding(span, what, path=path, help=help, fix=fix)


def _contents(table: dict[str, object]) -> str:
    names = [f"`{key(name)}`" for name in table]
    if not names:
        return "it is never sent"
    shown = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    return f"{shown} in it {'is' if len(names) == 1 else 'are'} never sent"


def _choices(places: list[Path]) -> str:
    return " or ".join(f"`{dotted(place)}`" for place in places)
