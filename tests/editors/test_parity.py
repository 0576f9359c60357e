"""Other programs judge configs by the schema like sftc, except for listed differences."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sftc.checks.violations import explain_violations
from sftc.contract.versions import PACKAGED
from sftc.document.reading import read_source
from sftc.pipeline import examine
from support.golden import EXIT_CODES, GOLDEN, cases

PROGRAMS = {
    "taplo": ["lint", "--no-auto-config"],
    "tombi": ["lint", "--offline", "--error-on-warnings"],
}
CASES = [case.relative_to(GOLDEN).as_posix() for kind in EXIT_CODES for case in cases(kind)]
SCHEMAS = {
    number: PACKAGED.version(number).bundle(PACKAGED.version(number).config_schema)
    for number in PACKAGED.versions
}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
DIRECTIVE = b"#:schema ./sftc.schema.json\n"
LISTED = tomllib.loads(Path(__file__).with_name("known_differences.toml").read_text(encoding="utf-8"))
KNOWN = [(each["program"], case) for each in LISTED["difference"] for case in each["cases"]]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_other_validators_agree_with_sftc(program: str, case: str, tmp_path: Path) -> None:
    config = GOLDEN / case / "config.toml"
    (tmp_path / "sftc.schema.json").write_bytes(SCHEMAS[version_of(config)])
    (tmp_path / "config.toml").write_bytes(with_schema(config.read_bytes()))
    theirs, ours = verdict(program, tmp_path), verdict_of_sftc(config)
    assert (theirs != ours) == ((program, case) in KNOWN), f"sftc {ours}, {program} {theirs}"


def test_each_known_difference_is_listed_once_and_has_a_case() -> None:
    assert len(set(KNOWN)) == len(KNOWN)
    assert {program for program, _ in KNOWN} <= PROGRAMS.keys()
    assert {case for _, case in KNOWN} <= set(CASES)
    assert all(each["reason"] for each in LISTED["difference"])


def version_of(config: Path) -> int:
    """Return the version that a config is of; what cannot be read is held against the default."""
    examined = examine(lambda: read_source(config))
    return examined.config.contract.version if examined.config else PACKAGED.default.version


def with_schema(config: bytes) -> bytes:
    """Return `config` with a schema line at the start, after a byte order mark."""
    mark = BYTE_ORDER_MARK if config.startswith(BYTE_ORDER_MARK) else b""
    return mark + DIRECTIVE + config.removeprefix(mark)


def verdict(program: str, folder: Path) -> str:
    path = Path(sys.executable).parent / program
    run = subprocess.run(
        [path, *PROGRAMS[program], "config.toml"], cwd=folder, capture_output=True, check=False
    )
    return {0: "accepts", 1: "refuses"}.get(run.returncode, "crashes")


def verdict_of_sftc(config: Path) -> str:
    """Return the verdict by the text and the schema alone: no flags, comments or other rules."""
    examined = examine(lambda: read_source(config))
    return "accepts" if examined.config and not explain_violations(examined.config) else "refuses"
