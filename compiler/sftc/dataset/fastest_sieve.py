"""The choice of a sieve: compiled code if this machine has it."""

from sftc.dataset.sieve import Sieve


def fastest_sieve(longest: int) -> Sieve:
    """Return the fastest sieve on this machine. It passes no line of more than `longest` bytes."""
    from sftc.dataset.skeletons import Skeletons

    try:
        return Skeletons(longest)
    except OSError:
        from sftc.dataset.layout import Layouts

        return Layouts(longest)
