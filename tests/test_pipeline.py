"""The Python API. Bad input gives findings, never a traceback or a wrong payload."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sftc
from sftc.document.reading import MAX_BYTES
from sftc.report.terminal import render
from support.configs import odd_configs, spoiled, toml, valid

JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'


def ids(compiled: sftc.Compiled) -> list[str]:
    return [found.id for found in compiled.findings]


def test_compile_accepts_text_bytes_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.toml").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    for config in (JOB, JOB.encode(), tmp_path / "config.toml", str(tmp_path / "config.toml"), "config.toml"):
        compiled = sftc.compile(config)
        assert compiled.ok
        assert compiled.findings == ()
        assert compiled.payload["model"] == "m"
    assert ids(sftc.compile("no-such-file.toml")) == ["unreadable-file"]
    assert ids(sftc.compile("")) == ["missing-key", "missing-gpu-type"]


def test_using_the_payload_of_an_invalid_config_raises() -> None:
    compiled = sftc.compile('[job]\nmodel = ""\n')
    assert not compiled.ok
    for use in ("payload", "origins", "digest"):
        with pytest.raises(sftc.ConfigError, match=r"`job.model` is blank \[blank-string\]") as raised:
            getattr(compiled, use)
        assert raised.value.findings == compiled.findings
    with pytest.raises(sftc.ConfigError):
        compiled.to_bytes()


def test_a_finding_has_an_id_a_span_and_a_fix() -> None:
    [found] = sftc.compile(JOB + "[hyperparameters]\nn_epochs = 2.0 # two\n").findings
    assert found.id == "float-for-integer"
    assert found.severity is sftc.Severity.ERROR
    assert found.path == ("hyperparameters", "n_epochs")
    assert (found.span.line, found.span.column, found.span.end_line, found.span.end_column) == (7, 12, 7, 15)
    assert found.span.text == "2.0"
    assert found.fix is not None
    assert found.fix.safe
    assert found.fix.edits == (sftc.Edit(found.span, "2"),)


@given(odd_configs)
def test_odd_values_of_known_keys_never_crash(config: dict[str, Any]) -> None:
    compiled = sftc.compile(toml(config).encode())
    assert compiled.ok == (not any(found.is_error for found in compiled.findings))


@pytest.mark.parametrize(
    "text",
    [
        "[compute]\ngpu_count = 8\n[hyperparameters.parallelism]\ntensor_parallel_size = 0\n",
        '[training.validation]\nevaluation_strategy = "epoch"\neval_steps = [1]\n',
    ],
)
def test_rules_accept_values_of_any_type_and_size(text: str) -> None:
    assert not sftc.compile(text).ok


@given(st.binary(max_size=60))
def test_any_bytes_compile_or_give_an_error(data: bytes) -> None:
    compiled = sftc.compile(data)
    assert compiled.ok == (not any(found.is_error for found in compiled.findings))
    render(compiled.findings)


@given(valid.flatmap(spoiled))
def test_findings_are_in_text_order_and_can_be_rendered(config: dict[str, Any]) -> None:
    compiled = sftc.compile(toml(config).encode(), overrides={"hyperparameters.n_epochs": 0})
    starts = [(found.span.source.is_flag, found.span.start) for found in compiled.findings]
    assert starts == sorted(starts)
    assert not compiled.ok
    assert all(found.id in render(compiled.findings) for found in compiled.findings)


def test_a_config_larger_than_one_megabyte_is_refused() -> None:
    comment = b"#" * (MAX_BYTES - len(JOB))
    assert sftc.compile(JOB.encode() + comment).ok
    assert ids(sftc.compile(JOB.encode() + comment + b"#")) == ["file-too-large"]


def test_a_100_mb_config_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    assert ids(sftc.compile(path)) == ["file-too-large"]


def test_paths_that_are_not_readable_files(tmp_path: Path) -> None:
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    for path in (
        tmp_path,
        tmp_path / "absent.toml",
        tmp_path / "loop.toml",
        Path("nul\0.toml"),
        Path("x" * 5000),
    ):
        [found] = sftc.compile(path).findings
        assert found.id == "unreadable-file"
        assert found.span.source.name == os.fspath(path)
        assert found.span.line == found.span.column == 1


def test_a_file_without_read_permission(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(JOB)
    path.chmod(0)
    program = (
        "import os, sys, sftc; sftc.compile(sys.argv[1]); os.geteuid() or os.setuid(65534);"
        "print(sftc.compile(sys.argv[1]).findings[0].message)"
    )
    tmp_path.chmod(0o755)
    for parent in list(tmp_path.parents)[:2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    run = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert run.stdout == "cannot be read: Permission denied\n", run.stderr


def test_a_fifo_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "config"
    os.mkfifo(path)
    writer = threading.Thread(target=lambda: path.write_text(JOB))
    writer.start()
    assert sftc.compile(path).ok
    writer.join()


HOSTILE = {
    "arrays": "[" * 10_000 + "]" * 10_000,
    "open arrays": "[" * 10_000,
    "inline tables": "{a=" * 10_000 + "1" + "}" * 10_000,
    "dotted keys": "1\n" + ".".join("a" * 10_000) + " = 1",
    "quoted dotted keys": "1\n" + ".".join(["'a'"] * 10_000) + " = 1",
    "a header": "1\n[data.topology." + ".".join("a" * 10_000) + "]",
    "headers of arrays": "1\n" + "".join(f"[[data.topology.{'.'.join('b' * n)}]]\n" for n in range(1, 40)),
}


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_ten_thousand_nested_levels(value: str) -> None:
    compiled = sftc.compile(f"{JOB}[data.topology]\ndeep = {value}\n")
    assert ids(compiled) == ["nesting-too-deep"]
    assert len(render(compiled.findings)) < 1000


def test_header_and_key_levels_are_added_even_before_a_syntax_error() -> None:
    header, key = ".".join("a" * 40), ".".join("b" * 40)
    for end in ("", "!\n"):
        compiled = sftc.compile(f"{JOB}[data.topology.{header}]\n{key} = 1\n{end}")
        assert ids(compiled) == ["nesting-too-deep"]


@pytest.mark.parametrize("digits", ["9" * 4301, "0x" + "f" * 10_000, "-" + "9" * 4000, "0b" + "1" * 64])
def test_integers_of_thousands_of_digits(digits: str) -> None:
    for place in (
        "[hyperparameters]\nn_epochs = ",
        "[data.topology]\nx = ",
        "[hyperparameters]\nlearning_rate = ",
    ):
        compiled = sftc.compile(f"{JOB}{place}{digits}\n")
        assert not compiled.ok
        assert len(render(compiled.findings)) < 1000


def test_a_schema_version_of_thousands_of_digits() -> None:
    assert ids(sftc.compile(f"schema_version = 0x{'f' * 10_000}\n{JOB}")) == ["unknown-schema-version"]


def test_an_integer_too_long_for_python_has_a_span() -> None:
    [found] = sftc.compile(f"{JOB}[data.topology]\nx = {'9' * 5000}\ny = 1\n").findings
    assert (found.id, found.span.line, found.span.column) == ("integer-out-of-range", 7, 5)


def test_thousands_of_findings_are_all_reported() -> None:
    text = JOB + "[hyperparameters]\n" + "".join(f"n_epoch_{i} = {i}\n" for i in range(3000))
    compiled = sftc.compile(text)
    assert ids(compiled) == ["unknown-key"] * 3000
    assert compiled.ok


def test_lone_surrogates_in_text_are_not_utf8() -> None:
    assert ids(sftc.compile(f'{JOB}\n[training]\nmode = "\ud800"\n')) == ["not-utf8"]


def test_an_unknown_version_raises_value_error() -> None:
    with pytest.raises(ValueError, match="no version 7"):
        sftc.compile(JOB, version=7)
    assert sftc.compile(JOB, version=1).ok


def test_every_name_in_all_exists() -> None:
    assert all(hasattr(sftc, name) for name in sftc.__all__)


def test_compiling_opens_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = sftc.compile(JOB + '\n[data]\nvalidation_path = "absent.jsonl"\n').to_bytes()
    events: list[str] = []
    sys.addaudithook(
        lambda event, _: events.append(event) if event.startswith(("open", "socket", "os.")) else None
    )
    events.clear()
    assert sftc.compile(JOB + '\n[data]\nvalidation_path = "absent.jsonl"\n').to_bytes() == expected
    assert events == []
