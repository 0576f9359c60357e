"""Find the targets that command-line arguments name."""

import click

from sftc.contract.targets import Target
from sftc.contract.versions import PACKAGED


def find_target(name: str) -> Target:
    """Return the target called `name`.

    Raises:
        click.UsageError: there is none.
    """
    if name in PACKAGED.target_names:
        return PACKAGED.target(name)
    from sftc.text.suggest import near

    meant = near(name, PACKAGED.target_names)
    hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(PACKAGED.target_names)}."
    raise click.UsageError(f"no target {name!r}; {hint}")
