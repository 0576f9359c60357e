"""Variants of a config: values of flags, each with each or in pairs."""

import tomllib
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftc.document.overrides import toml_value
from sftc.text.keys import look_up, quoted
from sftc.text.source import Source
from sftc.tools.sweep import Variant, read_values, same_run, sweep

CONFIG = """#:schema ./sftc.schema.json
schema_version = 2

[job]
model = "m"  # the base

[training]
mode = "lora"

[hyperparameters]
learning_rate = 1e-4  # try others
"""


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a.b=1,2.5,true", ("1", "2.5", "true")),
        ("a.b=adamw, sgd", ('"adamw"', '"sgd"')),
        ('a.b="x,y",z', ('"x,y"', '"z"')),
        ("a.b='x,\"y',z", ("'x,\"y'", '"z"')),
        ('a.b=["q","k"],["v"]', ('["q","k"]', '["v"]')),
        ("a.b={c=1,d=[2,3]},{}", ("{c=1,d=[2,3]}", "{}")),
        ("a.b=1e-4", ("1e-4",)),
        ('a.b="\\",",x', ('"\\","', '"x"')),
    ],
)
def test_commas_inside_a_value_do_not_separate(text: str, written: tuple[str, ...]) -> None:
    values = read_values(text)
    assert (values.path, values.written) == (("a", "b"), written)


@pytest.mark.parametrize(
    "text", ["a", "a=", "a=1,", "a=,1", "a=1,1", "a=1e-4,1e-04", 'a="x', "a=[1,2", "=1", "a b=1"]
)
def test_what_is_no_list_of_values_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"a|="):
        read_values(text)


@given(texts=st.lists(st.text(st.characters(codec="utf-8")), min_size=1, unique=True))
def test_any_strings_come_back(texts: list[str]) -> None:
    values = read_values(f"a={','.join(map(quoted, texts))}")
    assert [toml_value(each) for each in values.written] == texts


def test_each_value_goes_with_each_and_comments_stay() -> None:
    values = [read_values("hyperparameters.learning_rate=1e-4,2e-4"), read_values("training.lora.r=8,16,32")]
    made = [*sweep(Source("job.sft.toml", CONFIG), values, "out", pairs=False)]
    read: list[dict[str, Any]] = [tomllib.loads(each.source.text) for each in made]
    paths = [each.path for each in values]
    found = [tuple(look_up(config, path) for path in paths) for config in read]
    assert found == [*product([1e-4, 2e-4], [8, 16, 32])]
    assert [each.source.name for each in made][::5] == ["out/job-1.sft.toml", "out/job-6.sft.toml"]
    for each in made:
        assert "# the base" in each.source.text
        assert "# try others" in each.source.text
        assert each.source.text.startswith("#:schema ../sftc.schema.json\n")


def test_values_go_in_pairs_and_numbers_sort() -> None:
    values = [read_values("job.name=" + ",".join(f"n{each}" for each in range(12)))]
    values.append(read_values("hyperparameters.seed=" + ",".join(map(str, range(12)))))
    made = [*sweep(Source("a/job.toml", CONFIG), values, "a", pairs=True)]
    names = [each.source.name for each in made]
    assert names == sorted(names)
    assert names[0] == "a/job-01.sft.toml"
    assert made[3].values == ('"n3"', "3")
    assert made[0].source.text.startswith("#:schema sftc.schema.json\n")


def test_a_key_inside_a_value_has_to_be_written_by_hand() -> None:
    source = Source("job.toml", CONFIG)
    with pytest.raises(ValueError, match=r"`job.model.x` in job.toml cannot be set"):
        [*sweep(source, [read_values("job.model.x=1,2")], "out", pairs=False)]


def test_values_that_mean_the_same_are_one_run() -> None:
    job = '[job]\nmodel = "m"\n[compute]\ngpu_type = "H"\n[hyperparameters.parallelism]\n'
    values = ["a = 1", "a = true", "a = [1]", "a = [true]", "a = {}", "a = 1.0"]
    variants = [Variant(Source(f"{value}.toml", job + value), (value,)) for value in values]
    assert same_run(variants[:-1]) is None
    assert same_run(variants) == (variants[0], variants[-1])
