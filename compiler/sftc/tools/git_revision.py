"""The commit of a git repository that config files are in."""

import os
import subprocess
from collections.abc import Sequence
from typing import Final

_PATIENCE: Final = 10.0
"""Seconds that git has to answer."""

_COMMIT: Final = "# branch.oid "
"""Begins the line of git's answer that has the commit; `(initial)` stands for none."""


def git_revision(paths: Sequence[str]) -> str | None:
    """Return the commit that is checked out where these files are, or `None` if it cannot be told.

    It ends in `-dirty` if one of the files is not what that commit has. All must be in one repository.
    """
    real = [os.path.realpath(path) for path in paths]
    command = (
        *("git", "-C", os.path.dirname(real[0]), "--no-optional-locks", "-c", "core.fsmonitor=false"),
        *("status", "--porcelain=v2", "--branch", "--untracked-files=all", "--ignored", "--"),
    )
    literal = [f":(literal){path}" for path in real]
    try:
        status = subprocess.run(  # noqa: S603  no shell, and no path is an option
            [*command, *literal], capture_output=True, stdin=subprocess.DEVNULL, timeout=_PATIENCE, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    lines = status.stdout.decode(errors="replace").splitlines()
    commit = next((line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)), "(initial)")
    is_dirty = any(not line.startswith("#") for line in lines)
    return None if commit == "(initial)" else commit + "-dirty" * is_dirty
