"""Variants of a config: values of flags, each with each or in pairs."""

import re
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sftc
from sftc.contract.versions import PACKAGED
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


@pytest.mark.parametrize(
    ("name", "sets", "expected"),
    [
        ("job.sft.toml", [], ["job-1", "job-2"]),
        ("my räte.toml", [], ["my-r-te-1", "my-r-te-2"]),
        (".sft.toml", [], ["run-1", "run-2"]),
        ("job.sft.toml", ["job.name=a,b"], ["a", "b"]),
        ("job.sft.toml", ['job={model="m",name="a"},{model="m",name="b"}'], ["a", "b"]),
    ],
)
def test_each_variant_has_a_name(name: str, sets: list[str], expected: list[str]) -> None:
    text = "schema_version = 2\n" if sets and "{" in sets[0] else CONFIG
    values = [*map(read_values, sets), read_values("hyperparameters.seed=1,2")]
    made = [*sweep(Source(name, text), values, "out", pairs=True)]
    assert [tomllib.loads(each.source.text)["job"]["name"] for each in made] == expected


def test_the_name_of_the_config_is_the_start_of_all_names(own_folder: Path) -> None:
    values = [read_values("hyperparameters.seed=" + ",".join(map(str, range(10))))]
    (own_folder / "base.toml").write_text(CONFIG.replace("[job]", '[job]\nname = "sums"'))
    extending = 'schema_version = 2\nextends = "base.toml"\n'
    for text in ((own_folder / "base.toml").read_text(), extending):
        first, *_ = sweep(Source("job.toml", text), values, ".", pairs=False)
        assert tomllib.loads(first.source.text)["job"]["name"] == "sums-01"


def test_a_wrong_name_is_not_replaced_and_version_1_has_none() -> None:
    values = [read_values("hyperparameters.seed=1,2")]
    [first, _] = sweep(
        Source("job.toml", CONFIG.replace("[job]", "[job]\nname = 5")), values, "out", pairs=False
    )
    assert tomllib.loads(first.source.text)["job"]["name"] == 5
    [first, _] = sweep(Source("job.toml", '[job]\nmodel = "m"\n'), values, "out", pairs=False)
    assert tomllib.loads(first.source.text)["job"] == {"model": "m"}


@given(name=st.text(st.sampled_from("aB9._-"), min_size=1, max_size=64))
def test_every_name_becomes_one_that_the_schema_allows(name: str) -> None:
    values = [read_values("hyperparameters.seed=1,2")]
    text = CONFIG.replace("[job]", f"[job]\nname = {quoted(name)}")
    names = {
        tomllib.loads(each.source.text)["job"]["name"]
        for each in sweep(Source("j", text), values, "out", pairs=False)
    }
    assert len(names) == 2
    assert all(PACKAGED.newest.allows(("job", "name"), each) for each in names)


@pytest.mark.parametrize("target", ["axolotl", "trl", "llamafactory"])
def test_no_variant_is_trained_into_the_folder_of_another(target: str) -> None:
    text = """schema_version = 2
        [job]
        model = "m"
        data = "rows.jsonl"
        [compute]
        gpu_type = "H100"
        [hyperparameters]
        sequence_length = 512
    """
    made = [*sweep(Source("job.toml", text), [read_values("hyperparameters.seed=1,2")], "out", pairs=False)]
    compiled = [sftc.compile(each.source.text, target=target) for each in made]
    written = b"".join(each.to_bytes() for each in compiled).decode()
    folders = re.findall(r'"output_dir": ?"(.*?)"', written)
    assert folders == ["job-1", "job-2"]


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
