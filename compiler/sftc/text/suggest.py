"""Suggestions for a misspelt name."""

from collections.abc import Collection

_LONGEST = 40
_LIKELY = 0.8
_ALMOST_SURE = 0.9


def near(name: str, names: Collection[str], *, sure: bool = False) -> str | None:
    """Return the most similar of `names`, or `None` if none is similar enough.

    A name with one word more or less, or with a number at its end, is a different name.
    `sure` requires a similarity that is hardly chance. Letter case does not count.
    """
    from difflib import get_close_matches

    if len(name) > _LONGEST:
        return None
    lower = name.lower()
    cutoff = _ALMOST_SURE if sure else _LIKELY
    matches = get_close_matches(lower, names, n=3, cutoff=cutoff)
    return next((each for each in matches if not _is_variant(*sorted((lower, each), key=len))), None)


def _is_variant(short: str, long: str) -> bool:
    if long.startswith(short):
        rest = long[len(short) :]
        return rest[:1] in {"_", "-"} or rest.isdigit()
    return long.endswith(short) and long[: -len(short)][-1:] in {"_", "-"}
