"""Values that override the file: `--set` and `overrides`."""

import datetime as dt
from typing import Any

import pytest

import sftc
from sftc.document.overrides import Override
from sftc.pipeline import run
from sftc.text.source import Source

JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("a=1", ("a",), 1),
        ("a.b = 1.0", ("a", "b"), 1.0),
        ("a.b=true", ("a", "b"), True),
        ("a=Qwen/Qwen3-4B", ("a",), "Qwen/Qwen3-4B"),
        ("a=two words", ("a",), "two words"),
        ('a="1"', ("a",), "1"),
        ("a='x=y'", ("a",), "x=y"),
        ("a=x=y", ("a",), "x=y"),
        ("a=[1, {b = 2}]", ("a",), [1, {"b": 2}]),
        ("a={ b.c = 2 }", ("a",), {"b": {"c": 2}}),
        ('"a=b".c=1', ("a=b", "c"), 1),
        ('\'a.b\'."c\\"="=1', ("a.b", 'c"='), 1),
        ("a=2026-01-31", ("a",), dt.date(2026, 1, 31)),
        ("a=1\nb = 2", ("a",), "1\nb = 2"),
        ("a=True", ("a",), "True"),
        ("a= x ", ("a",), " x "),
    ],
)
def test_overrides_are_parsed(text: str, path: tuple[str, ...], value: Any) -> None:
    override = Override.parse(text)
    assert (override.path, override.value) == (path, value)
    assert type(override.value) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "",
        "=1",
        "a=",
        "a..b=1",
        "a b=1",
        "a\nb=1",
        'a="open',
        "a=[1,",
        "a={",
        "[a]=1",
        "a=\udcff",
        "a='x",
        "# =1",
        "a # = 2",
    ],
)
def test_invalid_overrides_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not"):
        Override.parse(text)


def test_the_last_override_wins_and_tables_are_merged() -> None:
    overrides = [
        Override.parse(text)
        for text in (
            "hyperparameters.n_epochs=2",
            "hyperparameters.n_epochs=3",
            "data.topology={ a = 1 }",
            "data.topology.b=2",
            "job.model=other",
        )
    ]
    payload = sftc.compile(JOB, overrides=overrides).payload
    assert payload["hyperparameters"] == {"n_epochs": 3}
    assert payload["metadata"]["effective_config"]["data"]["topology"] == {"a": 1, "b": 2}
    assert payload["model"] == "other"
    assert overrides[2].value == {"a": 1}


def test_python_values_are_overrides() -> None:
    topology = {"a": [1], "b": {"c d": [{"e": "f"}]}}
    compiled = sftc.compile(JOB, overrides={"hyperparameters.learning_rate": 1e-4, "data.topology": topology})
    assert compiled.payload["hyperparameters"]["learning_rate"] == 1e-4
    assert compiled.payload["metadata"]["effective_config"]["data"]["topology"] == topology
    for key in ("a b", "hyperparameters.n_epochs=3 #", "job.model=x", "", "#"):
        with pytest.raises(ValueError, match="is not a dotted TOML key"):
            sftc.compile(JOB, overrides={key: 1})


@pytest.mark.parametrize("levels", [64, 65, 400, 5000])
def test_nesting_levels_of_keys_and_values_are_added(levels: int) -> None:
    nested = "[" * 30 + "]" * 30
    for keys, value in [(levels, "1"), (levels - 29, nested)]:
        override = Override.parse(f"data.topology{'.a' * (keys - 2)}={value}")
        ids = [found.id for found in sftc.compile(JOB, overrides=[override]).findings]
        assert ids == (["nesting-too-deep"] if levels > 64 else [])


def test_findings_about_flags_have_a_stable_order() -> None:
    table = "{ eval_steps = 1, n_epochs = 2, use_deepsped = true, gpu_type = 3 }"
    found = sftc.compile(JOB, overrides=[Override.parse(f"hyperparameters.parallelism={table}")]).findings
    assert [each.path[-1] for each in found] == ["eval_steps", "n_epochs", "use_deepsped", "gpu_type"]


@pytest.mark.parametrize(
    "value", [None, b"x", {1, 2}, object(), 1j, {"a": None}, [None], {1: 2}, "\ud800", {"\ud800": 1}]
)
def test_python_values_that_toml_cannot_write(value: Any) -> None:
    with pytest.raises(ValueError, match="is not"):
        sftc.compile(JOB, overrides={"data.topology.x": value})


@pytest.mark.parametrize("value", [float("nan"), 2**70, dt.date(2026, 1, 31), [{"a": dt.time(1)}]])
def test_python_values_that_json_cannot_write(value: Any) -> None:
    for key in ("data.topology", "data.topology.x", "hyperparameters.n_epochs", "job.model"):
        compiled = sftc.compile(JOB, overrides={key: value})
        assert not compiled.ok, key
        assert compiled.findings[0].span.source.is_flag


@pytest.mark.parametrize(
    ("override", "underlined"),
    [
        ("hyperparameters.n_epochs=0", "0"),
        ("hyperparameters.lora_rank=16", "hyperparameters.lora_rank"),
        ("lora.rank=16", "lora.rank"),
        ("data.topology={ when = 2026-01-31 }", "{ when = 2026-01-31 }"),
        ("job.model.name=x", "job.model.name"),
    ],
)
def test_findings_point_at_the_flag(override: str, underlined: str) -> None:
    [found] = sftc.compile(JOB, overrides=[Override.parse(override)]).findings
    assert found.span.source.name == "--set"
    assert found.span.text == underlined
    assert found.fix is None


def test_an_override_replaces_an_invalid_value() -> None:
    text = '[job]\nmodel = ""\n[compute]\ngpu_type = 1'
    assert sftc.compile(text, overrides={"job.model": "m", "compute.gpu_type": "T"}).ok


@pytest.mark.parametrize(
    ("flag", "help"),
    [("bf16=True", "write `true`"), ('bf16="true"', "remove the quotes: `true`")],
)
def test_what_to_write_instead_fits_how_the_flag_is_written(flag: str, help: str) -> None:
    override = Override.parse(f"hyperparameters.parallelism.{flag}")
    compiled = run(lambda: Source("c.toml", JOB), [override])
    assert [(found.id, found.help) for found in compiled.findings] == [("wrong-type", help)]
