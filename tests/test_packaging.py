"""The published wheel and sdist work outside the checkout."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from support.golden import GOLDEN

CASE = GOLDEN / "accept/contract-example"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_the_package_installs_and_compiles_outside_the_checkout(
    kind: str, root: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "wheel":
        package: Path = request.getfixturevalue("wheel")
    else:
        run([sys.executable, "-m", "build", "--no-isolation", "--sdist", "--outdir", tmp_path, root])
        [package] = tmp_path.glob("sftc-*")
    run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"])
    run([*PIP, tmp_path / "env/bin/python", "install", "--quiet", "--no-compile", package])
    payload = run([tmp_path / "env/bin/sftc", "compile", CASE / "config.toml"], cwd=tmp_path)
    assert payload == (CASE / "payload.json").read_bytes()
    program = "import sftc, sftc_schemas; print(sftc.__file__, *sftc_schemas.__path__)"
    where = run([tmp_path / "env/bin/python", "-c", program], cwd=tmp_path).decode()
    assert str(root) not in where
    loaded = (
        "from sftc.contract.versions import PACKAGED\n"
        "for number in PACKAGED.versions:\n"
        "    contract = PACKAGED.version(number)\n"
        "    contract.accepts, contract.target.accepts_payload, contract.target.service\n"
        "    contract.refusals, contract.mapping, contract.upgrade\n"
        "for name in PACKAGED.target_names:\n"
        "    target = PACKAGED.target(name)\n"
        "    target.facts, target.mapping, target.schemas.file(target.payload_schema)\n"
        "    target.service, target.row_schema\n"
        "PACKAGED.newest.run_table\n"
        "PACKAGED.accepts_row(None), PACKAGED.read('wire/openapi.json'), PACKAGED.newest.templates\n"
        "print(*sorted(PACKAGED.schemas.files))\n"
    )
    files = run([tmp_path / "env/bin/python", "-c", loaded], cwd=tmp_path).decode().split()
    folder = root / "schemas/sftc_schemas"
    schemas = {path.relative_to(folder).as_posix() for path in folder.glob("*/**/*.schema.json")}
    assert {*files} == schemas


def test_the_wheel_contains_only_the_packages(root: Path, wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"sftc", "sftc_schemas"}
    assert "sftc/py.typed" in names
    pages = [path for path in root.glob("compiler/sftc/service/pages/*/*.*") if path.suffix != ".pyc"]
    assert len(pages) > 15
    assert {path.relative_to(root / "compiler").as_posix() for path in pages} <= {*names}
    assert not [name for name in names if name.endswith(".pyc")]


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["cc", "false", "no-such-program"])
def test_a_wheel_without_compiled_code_is_pure(root: Path, tmp_path: Path, compiler: str) -> None:
    if compiler == "cc" and not shutil.which("cc"):
        pytest.skip("there is no C compiler")
    copy = tmp_path / "copy"
    for part in ("compiler", "schemas"):
        shutil.copytree(root / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / part, copy)
    build: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--wheel",
        "--outdir",
        tmp_path,
        copy,
    ]
    run(["env", f"CC={compiler}", *build])
    [wheel] = tmp_path.glob("*.whl")
    has_code = "sftc/dataset/libskeletons.so" in zipfile.ZipFile(wheel).namelist()
    assert has_code == (compiler == "cc") == (not wheel.name.endswith("-py3-none-any.whl"))
    if has_code and sys.platform == "linux":
        assert re.search(r"-py3-none-(many|musl)linux_\d+_\d+_\w+\.whl$", wheel.name)


def run(command: list[str | Path], cwd: Path | None = None) -> bytes:
    done = subprocess.run(command, cwd=cwd, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
