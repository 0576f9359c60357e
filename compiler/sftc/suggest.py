"""What a mistyped or misplaced name may have been meant to be."""

from collections.abc import Iterable

from sftc.contract import Contract
from sftc.keys import Path

_LONGEST = 40
_LIKELY = 0.7
_ALMOST_SURE = 0.85


def near(name: str, names: Iterable[str], *, sure: bool = False) -> str | None:
    """Return the one of `names` that `name` is most like, or `None` where none is.

    `sure` asks for a likeness that is hardly chance. Letter case does not count.
    """
    from difflib import get_close_matches

    if len(name) > _LONGEST:
        return None
    cutoff = _ALMOST_SURE if sure else _LIKELY
    matches = get_close_matches(name.lower(), list(names), n=1, cutoff=cutoff)
    return matches[0] if matches else None


def homes(contract: Contract, name: str) -> list[Path]:
    """Return the paths of all properties called `name`."""
    return [path for path in contract.properties if path[-1] == name]


def names_in(contract: Contract, table: Path) -> list[str]:
    """Return the names of the keys that the contract knows in `table`."""
    return [str(path[-1]) for path in contract.properties if path[:-1] == table]
