"""What a mistyped name may have been meant to be."""

from collections.abc import Collection

_LONGEST = 40
_LIKELY = 0.7
_ALMOST_SURE = 0.85


def near(name: str, names: Collection[str], *, sure: bool = False) -> str | None:
    """Return the one of `names` that `name` is most like, or `None` where none is.

    `sure` asks for a likeness that is hardly chance. Letter case does not count.
    """
    from difflib import get_close_matches

    if len(name) > _LONGEST:
        return None
    matches = get_close_matches(name.lower(), names, n=1, cutoff=_ALMOST_SURE if sure else _LIKELY)
    return matches[0] if matches else None
