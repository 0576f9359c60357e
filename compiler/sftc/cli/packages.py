"""Packages that a command needs, checked before anything is done."""

from importlib.util import find_spec


def check_packages(*names: str) -> None:
    """Check that packages are installed, without the seconds that their import takes.

    Raises:
        ModuleNotFoundError: one is not.
    """
    for name in names:
        if not find_spec(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
