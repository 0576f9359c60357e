"""`sftc dataset` without a package that an extra installs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sftc.dataset.skeletons import LIBRARY
from support.program import Dataset
from support.training_files import BROKEN, CONFIG, GOOD, compressed

PACKAGES = [
    *("stringzilla", "numpy"),
    *(["backports"] if sys.version_info < (3, 14) else []),
    *([] if os.path.exists(LIBRARY) else ["re2"]),  # compiled code takes its place
]


FILES = {"good.jsonl": GOOD}


def without(packages: list[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command in an environment where `packages` cannot be imported."""
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({packages})); from sftc.cli.main import main; main()"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    return run.returncode, run.stdout, run.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_a_missing_package_is_named_with_its_extra(dataset: Dataset, package: str) -> None:
    Path("rows.jsonl.zst").write_bytes(compressed(BROKEN.encode()))
    code, out, errors = without([package], "dataset", "check", "rows.jsonl.zst")
    assert (code, out) == (1, "")  # reported before any finding
    assert package in errors
    assert errors.endswith("pip install 'sftc[dataset]'\n")
    assert len(errors.splitlines()) == 1


def test_only_plots_need_matplotlib(dataset: Dataset) -> None:
    assert without(["matplotlib"], "dataset", "stats", "good.jsonl")[0] == 0
    assert without(["matplotlib"], "dataset", "stats", "good.jsonl", "--plot", "a.svg")[::2] == (
        1,
        "Error: this needs the package matplotlib: pip install 'sftc[plot]'\n",
    )


def test_a_shared_namespace_package_does_not_count_as_installed(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("the standard library has Zstandard from Python 3.14 on")
    (tmp_path / "path/backports").mkdir(parents=True)
    (tmp_path / "path/backports/__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    Path("good.jsonl.zst").write_bytes(b"")
    code, out, errors = dataset("check", "good.jsonl.zst")
    assert (code, out) == (1, "")
    assert errors.endswith("pip install 'sftc[dataset]'\n")
    assert "Traceback" not in errors


def test_help_and_other_commands_need_no_extra(dataset: Dataset) -> None:
    Path("config.toml").write_text(CONFIG)
    for arguments in (
        ["dataset", "--help"],
        ["dataset", "check", "--help"],
        ["rule", "row-shape"],
        ["compile", "config.toml"],
    ):
        code, out, errors = without([*PACKAGES, "matplotlib"], *arguments)
        assert (code, errors) == (0, "")
        assert out
