"""Configs that extend others: what is merged, where findings are, and files that are no bases."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sftc
from sftc.document.bases import MOST
from sftc.document.edits import apply_fixes, put
from sftc.document.reading import MAX_BYTES
from sftc.text.source import Source
from sftc.tools.explain import keys
from sftc.tools.lint import lint
from support.configs import spoiled, toml, valid_2

BASE = """schema_version = 2

[job]
model = "m"

[compute]
gpu_type = "H100"

[hyperparameters]
n_epochs = 3
"""
CHILD = 'schema_version = 2\nextends = "base.toml"\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.toml").write_text(BASE)
    return tmp_path


def compiled(text: str, **options: Any) -> sftc.Compiled:
    Path("job.toml").write_text(text)
    return sftc.compile("job.toml", **options)


def merged(upper: dict[str, Any], lower: dict[str, Any]) -> dict[str, Any]:
    """Return what a person writes who copies the values of `lower` that `upper` lacks."""
    result = dict(upper)
    for name, value in lower.items():
        if name not in upper:
            result[name] = value
        elif isinstance(value, dict) and isinstance(upper[name], dict):
            result[name] = merged(upper[name], value)
    return result


@given(upper=valid_2, lower=valid_2, lowest=valid_2)
def test_a_chain_compiles_to_what_the_merged_config_does(
    tmp_path_factory: pytest.TempPathFactory,
    upper: dict[str, Any],
    lower: dict[str, Any],
    lowest: dict[str, Any],
) -> None:
    folder = tmp_path_factory.mktemp("chain")
    (folder / "deep").mkdir()
    (folder / "deep/lowest.toml").write_text(toml(lowest), encoding="utf-8")
    (folder / "deep/lower.toml").write_text(toml({"extends": "lowest.toml", **lower}), encoding="utf-8")
    (folder / "job.toml").write_text(toml({"extends": "deep/lower.toml", **upper}), encoding="utf-8")
    (folder / "by-hand.toml").write_text(toml(merged(upper, merged(lower, lowest))), encoding="utf-8")
    chain, by_hand = (sftc.compile(folder / name) for name in ("job.toml", "by-hand.toml"))
    assert sorted(found.id for found in chain.findings) == sorted(found.id for found in by_hand.findings)
    assert chain.ok == by_hand.ok
    if chain.ok:
        assert chain.to_bytes() == by_hand.to_bytes()
        for origin in chain.origins.values():  # each origin is where the value is written
            assert origin.span is None or origin.span.text in (folder / origin.span.source.name).read_text()


def test_every_value_and_key_has_the_file_that_it_is_in(folder: Path) -> None:
    result = compiled(f"{CHILD}[hyperparameters]\nlearning_rate = 1e-5\n", overrides={"job.name": "n"})
    places = {
        (key.path[-1], key.span.source.name, key.span.line) for key in keys(result) if len(key.path) > 1
    }
    assert places == {
        ("learning_rate", "job.toml", 4),
        ("model", "base.toml", 4),
        ("gpu_type", "base.toml", 7),
        ("n_epochs", "base.toml", 10),
        ("name", "--set", 1),
    }
    origin = result.origins["/hyperparameters/n_epochs"]
    assert origin.span
    assert (origin.kind, origin.span.source.name, origin.span.text) == ("config", "base.toml", "3")


def test_flags_replace_whole_tables_of_all_files(folder: Path) -> None:
    (folder / "base.toml").write_text(f"{BASE}[tags]\na = 'base'\n")
    result = compiled(f"{CHILD}[tags]\nb = 'child'\n", overrides={"tags": {"c": "flag"}})
    assert result.payload["metadata"]["effective_config"]["tags"] == {"c": "flag"}
    assert [each.id for each in compiled(CHILD, overrides={"extends": "x.toml"}).findings] == [
        "override-conflict"
    ]
    assert compiled(CHILD.replace("2", "1", 1), overrides={"schema_version": 2}).ok


def test_a_missing_key_is_reported_in_the_table_that_lacks_it(folder: Path) -> None:
    (folder / "base.toml").write_text("schema_version = 2\n\n[job]\nname = 'n'\n")
    [_, missing] = compiled(CHILD).findings
    assert (missing.id, missing.span.source.name, missing.span.text) == ("missing-key", "base.toml", "job")
    [missing] = compiled(f"{CHILD}[job]\ndata = 'd'\n[compute]\ngpu_type = 'H100'\n").findings
    assert (missing.id, missing.span.source.name, missing.span.line) == ("missing-key", "job.toml", 3)


def test_no_fix_edits_another_file(folder: Path) -> None:
    (folder / "base.toml").write_text(
        f"{BASE}learning_rate = 1\nwarmupsteps = 2.0\ndata = 'x'\n[lora]\nr = 3 # sftc: ignore[x]\n"
    )
    findings = lint(Source("job.toml", CHILD))
    assert len(findings) > 3
    assert {each.span.source.name for each in findings} == {"base.toml"}
    assert not any(each.fix for each in findings)


@given(upper=valid_2.flatmap(spoiled), lower=valid_2.flatmap(spoiled))
def test_every_fix_edits_the_config_that_was_given(
    tmp_path_factory: pytest.TempPathFactory, upper: dict[str, Any], lower: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("fixes")
    (folder / "base.toml").write_text(toml(lower), encoding="utf-8")
    source = Source(str(folder / "job.toml"), toml({**upper, "extends": "base.toml"}))
    fixes = [found.fix for found in lint(source) if found.fix]
    assert all(edit.span.source is source for each in fixes for edit in each.edits)


def test_an_inherited_value_is_set_over_in_the_config_that_was_given(folder: Path) -> None:
    config = compiled(f"{CHILD}[hyperparameters]\nlearning_rate = 1e-5\n").config
    assert config
    fix = put(config.document, ("hyperparameters", "n_epochs"), "1")
    assert fix
    fixed = apply_fixes(config.document.source, [fix]).text
    assert fixed == f"{CHILD}[hyperparameters]\nlearning_rate = 1e-5\nn_epochs = 1\n"
    assert compiled(fixed).payload["hyperparameters"]["n_epochs"] == 1


def test_a_suppression_counts_in_its_own_file_only(folder: Path) -> None:
    (folder / "base.toml").write_text(f"{BASE}learning_rate = 1\n")
    unlikely = "unlikely-learning-rate"
    assert [each.id for each in lint(Source("job.toml", f"# sftc: ignore[{unlikely}]\n{CHILD}"))] == [
        "unused-suppression",
        unlikely,
    ]
    (folder / "base.toml").write_text(f"{BASE}learning_rate = 1 # sftc: ignore[{unlikely}, older-name]\n")
    assert lint(Source("job.toml", CHILD)) == []
    assert lint(Source("job.toml", f"{CHILD}[hyperparameters]\nlearning_rate = 1e-5\n")) == []


def test_a_chain_has_an_end(folder: Path) -> None:
    for number in range(MOST + 1):
        (folder / f"{number}.toml").write_text(f'schema_version = 2\nextends = "{number + 1}.toml"\n')
    (folder / f"{MOST - 1}.toml").write_text(BASE)
    assert sftc.compile("0.toml").ok
    (folder / f"{MOST - 1}.toml").write_text(f'schema_version = 2\nextends = "{MOST}.toml"\n')
    [found] = sftc.compile("0.toml").findings
    assert found.id == "endless-extends"
    assert found.span.source.name == f"{MOST - 1}.toml"
    (folder / "link.toml").symlink_to("job.toml")
    [found] = compiled(CHILD.replace("base", "link")).findings
    assert found.id == "endless-extends"


def big(path: Path) -> None:
    path.write_text("#" * (MAX_BYTES + 1))


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "unreadable-base"),
    "a pipe that nobody writes to": (os.mkfifo, "unreadable-base"),
    "a device without end": (lambda path: path.symlink_to("/dev/zero"), "unreadable-base"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "unreadable-base"),
    "too large": (big, "file-too-large"),
    "not UTF-8": (lambda path: path.write_bytes(b"\xff"), "not-utf8"),
    "not TOML": (lambda path: path.write_text("a ="), "toml-syntax"),
    "nested deep": (lambda path: path.write_text(f"a = {'[' * 999}"), "nesting-too-deep"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_base_is_an_error(folder: Path, kind: str) -> None:
    make, rule = HOSTILE[kind]
    make(folder / "odd.toml")
    [found] = compiled(CHILD.replace("base", "odd")).findings
    assert found.id == rule
    is_own = rule == "unreadable-base"
    assert found.span.source.name == ("job.toml" if is_own else "odd.toml")
    assert found.span.text == '"odd.toml"' or not is_own


@pytest.mark.parametrize(
    "value",
    [
        '""',
        "3",
        "[]",
        "{}",
        '"base"',
        '"/etc/passwd"',
        '"-"',
        r'"a\u0000b.toml"',
        '"no/such.toml"',
        '"a\u202e.toml"',
    ],
)
def test_what_names_no_base_is_an_error_on_the_line(folder: Path, value: str) -> None:
    [found] = compiled(CHILD.replace('"base.toml"', value)).findings
    assert (found.id, found.span.text, found.span.line) == ("unreadable-base", value, 2)
    assert "\u202e" not in found.message


@given(name=st.text(max_size=20))
def test_any_name_gives_a_finding(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    (folder / "job.toml").write_text(toml({"schema_version": 2, "extends": f"{name}.toml"}), encoding="utf-8")
    [found] = sftc.compile(folder / "job.toml").findings
    assert found.id in {"unreadable-base", "endless-extends"}


def test_paths_are_relative_to_the_file_that_says_them(folder: Path) -> None:
    for name in ("a/b", "c"):
        (folder / name).mkdir(parents=True)
    (folder / "a/b/job.toml").write_text(CHILD.replace("base.toml", "../../c/next.toml"))
    (folder / "c/next.toml").write_text(CHILD.replace("base.toml", "../base.toml"))
    result = sftc.compile("a/b/job.toml")
    assert result.ok
    span = result.origins["/model"].span
    assert span
    assert span.source.name == "base.toml"
    (folder / "a/b/job.toml").write_text(CHILD.replace("base.toml", f"{folder}/base.toml"))
    assert sftc.compile("a/b/job.toml").ok
    assert sftc.compile(CHILD).ok  # a text is in the working directory
