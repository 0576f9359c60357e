"""The readers of the targets: the real parsers, each with its own packages.

A reader is `tests/targets/read_NAME.py`; other programs use the same packages. It runs in this Python with a
folder of packages before those of the tests, installed without their dependencies: the versions that the
parser pins, and what it imports beside them. torch is that of the tests. The folder is made once and kept
in `build/readers/`, under a name that changes with the list.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from support.environment import unmeasured
from support.once import made_once

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "targets"

MARK = "understood "
"""What the lines of a reader begin with, among those of the parser."""

PACKAGES = {
    "axolotl": [
        "axolotl==0.19.0",
        *("transformers==5.16.1", "accelerate==1.13.0", "peft==0.20.0"),
        *("tokenizers==0.23.1", "huggingface_hub==1.17.0"),
        *("addict==2.4.0", "colorama==0.4.6", "pillow==13.0.0"),
    ],
    "llamafactory": [
        "llamafactory==0.9.5",
        *("transformers==5.6.0", "accelerate==1.11.0", "peft==0.18.1", "trl==0.24.0", "datasets==4.0.0"),
        *("tokenizers==0.22.2", "huggingface_hub==1.33.0", "fsspec==2025.3.0"),
        *("omegaconf==2.4.0", "antlr4-python3-runtime==4.9.3", "pandas==3.1.1", "pyarrow==26.0.1"),
        *("dill==0.4.1", "multiprocess==0.70.19", "xxhash==4.1.0", "pytz==2026.6", "python-dateutil==4.0.0"),
        "six==1.17.0",
    ],
    "together": ["together==3.1.1", "detect-agent==0.6.0", "distro==1.9.0", "sniffio==1.3.1"],
    "trl": [
        "trl==1.16.0",
        *("datasets==5.2.0", "pandas==3.1.1", "pyarrow==26.0.1", "fsspec==2026.9.0"),
        *("dill==0.4.1", "multiprocess==0.70.19", "xxhash==4.1.0"),
    ],
    "fireworks": ["fireworks-ai==1.2.30", "distro==1.9.0", "sniffio==1.3.1"],
}
"""What is installed for each reader."""


def packages(target: str) -> Path:
    """Return the folder with the packages of a reader; install them if it does not exist."""
    wanted = PACKAGES[target]
    digest = hashlib.sha256(f"{sys.version}{wanted}".encode()).hexdigest()[:12]
    folder = ROOT / "build" / "readers" / f"{target}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)

    def install(folder: Path) -> None:
        place = str(folder / "packages")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", place]
        subprocess.run([*pip, *wanted], check=True, env=unmeasured())

    return made_once(folder, install) / "packages"


def run_reader(
    target: str,
    arguments: Iterable[str | Path],
    folder: Path,
    program: str | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Run the reader of a target in `folder`, or another program, and return what it prints.

    `more` are variables of its environment.
    """
    path = f"{packages(target)}:{ROOT / 'tests'}"
    variables = {"PYTHONPATH": path, "HOME": str(folder), "HF_HUB_OFFLINE": "1", **more}
    quiet = {"AXOLOTL_DO_NOT_TRACK": "1", "LLAMAFACTORY_VERBOSITY": "ERROR", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-W", "ignore", PROGRAMS / (program or f"read_{target}.py"), *arguments]
    ran = subprocess.run(
        command,
        env={**unmeasured(), **variables, **quiet},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    return [json.loads(line.removeprefix(MARK)) for line in lines if line.startswith(MARK)]
