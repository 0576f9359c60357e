"""Find the targets that command-line arguments name."""

import os
from collections.abc import Iterable, Sequence

import click

from sftc.contract.targets import DEFAULT, SERVICE, Target
from sftc.contract.versions import PACKAGED


def find_target(name: str) -> Target:
    """Return the target called `name`, or that in the folder `name`, after a check of its files.

    Raises:
        click.UsageError: there is none.
        ConfigError: the files of the target have errors.
    """
    if name == DEFAULT or name in PACKAGED.target_names:
        return PACKAGED.target(name)
    if os.path.isdir(name):
        return _in_folder(name)
    from sftc.text.suggest import near

    meant = near(name, PACKAGED.target_names)
    hint = f"did you mean {meant!r}?" if meant else f"there are {', '.join(PACKAGED.target_names)}."
    raise click.UsageError(f"no target {name!r}; {hint}")


def find_targets(names: Iterable[str]) -> Sequence[Target]:
    """Return the targets in lists of names with commas between them; see `find_target`."""
    return [find_target(name) for each in names for name in each.split(",")]


def _in_folder(folder: str) -> Target:
    from sftc.checks.target_files import TABLE, TARGET, check_target
    from sftc.document.reading import read_source
    from sftc.findings.finding import ConfigError

    target = PACKAGED.target_in(folder)
    sources = [read_source(os.path.join(folder, name)) for name in (TARGET, TABLE)]
    service = os.path.join(folder, SERVICE)
    if os.path.exists(service):
        sources.append(read_source(service))
    if findings := check_target(target, PACKAGED, *sources):
        raise ConfigError(findings)
    return target
