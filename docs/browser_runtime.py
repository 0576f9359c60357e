"""Put what the page `docs/try-it.md` loads into a folder: Pyodide from npm, and the wheels of sftc.

`python docs/browser_runtime.py site/try-it/runtime`, once the site is built. It needs npm and pip. Pyodide's
builds of the two compiled packages are on no registry: the page loads them from its CDN, by the digests of
its lock file.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

VERSION: Final = "314.0.7"
INTEGRITY: Final = (
    "sha512-0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A=="
)
"""The digest of the package of Pyodide, as npm has it."""

FILES: Final = (
    "pyodide.mjs",
    "pyodide.asm.mjs",
    "pyodide.asm.wasm",
    "pyodide-lock.json",
    "python_stdlib.zip",
)
PACKAGES: Final = ("orjson", "rpds-py")
"""The compiled packages, which Pyodide builds."""

WHEELS: Final = (
    "attrs",
    "click",
    "jsonschema",
    "jsonschema-specifications",
    "referencing",
    "rfc8785",
    "tomlkit",
    "typing-extensions",
)
"""The packages without compiled code: dependencies of sftc, and theirs."""


def build(folder: Path) -> None:
    """Fill `folder` with the runtime of the page.

    Raises:
        ValueError: the package of Pyodide is not the one that is expected.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _unpack_pyodide(folder)
    with TemporaryDirectory() as made:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        root = Path(__file__).parent.parent
        pure = {**os.environ, "CC": "false"}  # without compiled code
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", made, root], check=True, env=pure)
        only = ["--no-deps", "--only-binary=:all:", "--platform=any", "--python-version=3.14"]
        subprocess.run([*pip, "download", *only, "--dest", made, *WHEELS], check=True)
        wheels = sorted(Path(made).glob("*.whl"))
        listed = [add_wheel(wheel, folder) for wheel in wheels]
    manifest = {
        "packages_from": f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full/",
        "packages": PACKAGES,
        "wheels": listed,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def add_wheel(wheel: Path, folder: Path) -> dict[str, str]:
    """Copy a wheel into `folder`, and return its entry for the manifest."""
    data = wheel.read_bytes()
    (folder / wheel.name).write_bytes(data)
    return {"file": wheel.name, "integrity": _integrity("sha256", data)}


def _unpack_pyodide(folder: Path) -> None:
    with TemporaryDirectory() as made:
        command = ["npm", "pack", "--silent", "--pack-destination", made, f"pyodide@{VERSION}"]
        subprocess.run(command, check=True, capture_output=True)
        [package] = Path(made).iterdir()
        if _integrity("sha512", package.read_bytes()) != INTEGRITY:
            raise ValueError(f"pyodide {VERSION} from npm has another digest than {INTEGRITY}")
        with tarfile.open(package) as archive:
            for name in FILES:
                if file := archive.extractfile(f"package/{name}"):
                    (folder / name).write_bytes(file.read())


def _integrity(name: str, data: bytes) -> str:
    return f"{name}-{base64.b64encode(hashlib.new(name, data).digest()).decode()}"


if __name__ == "__main__":
    build(Path(sys.argv[1]))
