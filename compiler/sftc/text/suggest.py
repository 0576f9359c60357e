"""Suggestions for a misspelt name."""

from collections.abc import Collection

_LONGEST = 40
_SHORTEST = 4
_LIKELY = 0.8
_ALMOST_SURE = 0.9


def near(name: str, names: Collection[str], *, sure: bool = False) -> str | None:
    """Return the most similar of `names`, or `None` if none is similar enough.

    One slip of the fingers in a name of four letters or more is similar enough. A name with one
    word more or less, or with another number in it, is a different name. `sure` requires a
    similarity that is hardly chance. Letter case does not count.

    >>> near("fdsp", ["bf16", "fsdp"]), near("fp8", ["fp16"]), near("grad_clip", ["grad"])
    ('fsdp', None, None)
    """
    if len(name) > _LONGEST or not names:
        return None
    from difflib import get_close_matches

    lower = name.lower()
    slips = [each for each in names if len(lower) >= _SHORTEST and is_slip(lower, each)]
    matches = get_close_matches(lower, names, n=3, cutoff=_ALMOST_SURE if sure else _LIKELY)
    return next((each for each in (*slips, *matches) if not _is_variant(lower, each)), None)


def is_slip(one: str, other: str) -> bool:
    """Return whether one letter too many, too few or wrong, or two swapped, make `one` of `other`."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return len(one) != len(other)
    if len(one) == len(other):
        swapped = one[start : start + 2] == other[start : start + 2][::-1]
        return one[start + 1 :] == other[start + 1 :] or (swapped and one[start + 2 :] == other[start + 2 :])
    short, long = sorted((one, other), key=len)
    return long[start + 1 :] == short[start:]


def _is_variant(one: str, other: str) -> bool:
    if [*filter(str.isdigit, one)] != [*filter(str.isdigit, other)]:
        return True
    short, long = sorted((one, other), key=len)
    if long.startswith(short):
        return long[len(short)] in {"_", "-"} if len(long) > len(short) else False
    return long.endswith(short) and long[: -len(short)][-1:] in {"_", "-"}
