"""A build hook: compiles `sftc/dataset/skeletons.c` into a library that the package loads, if it can.

The library needs only libc, and no header of Python, so it serves every version of Python. Without a C
compiler, the package is pure Python and checks training files more slowly.
"""

import os
import shlex
import subprocess
import sysconfig
from contextlib import suppress
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "compiler/sftc/dataset"
SOURCE = f"{FOLDER}/skeletons.c"
LIBRARY = f"{FOLDER}/libskeletons.so"
FLAGS = ("-O3", "-fPIC", "-shared")


class Hook(BuildHookInterface[Any]):
    """Builds the library for wheels and editable installs."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the library, and give the wheel the tag of this machine if that succeeds."""
        if self.target_name != "wheel":
            return
        if self._compile():
            build_data["artifacts"].append(LIBRARY)
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{_platform()}"

    def _compile(self) -> bool:
        library = os.path.join(self.root, LIBRARY)
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
        source, new = os.path.join(self.root, SOURCE), f"{library}.{os.getpid()}"
        try:
            command = [*compiler, *FLAGS, "-o", new, source]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603  ours
        except (OSError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"no compiled code for training files, only Python: {error}")
            with suppress(FileNotFoundError):
                os.remove(library)  # it was made from an older source
            return False
        os.replace(new, library)  # a process that uses the old one keeps it
        return True


def _platform() -> str:
    """Return the tag of this machine, on Linux with its version of libc: an index takes no other."""
    from packaging.tags import sys_tags

    platforms = [tag.platform for tag in sys_tags()]
    return next((each for each in platforms if each.startswith(("manylinux", "musllinux"))), platforms[0])
