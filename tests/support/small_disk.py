"""Commands on disks of their own that are too small."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_SMALL = ["unshare", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
"""The beginning of a command that may mount disks which nobody else sees."""

needs_namespaces = pytest.mark.skipif(not shutil.which("unshare"), reason="it needs namespaces of its own")


def small(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that mounts a small disk in `folder`."""
    if subprocess.run([*_SMALL, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow to mount a small disk")
    return subprocess.run(
        [*_SMALL, *command],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        cwd=folder,
        check=False,
    )
