"""`sftc sweep`, run as a program."""

import json
from pathlib import Path

import pytest

from support.program import Program

pytestmark = pytest.mark.measured

FILES = {
    "job.sft.toml": """schema_version = 2

[job]
model = "m"
data = "rows.jsonl"

[compute]
gpu_type = "H100"

[hyperparameters]
learning_rate = 1e-4
"""
}
RATES = ("--set", "hyperparameters.learning_rate=1e-4,2e-4")


@pytest.fixture
def sweep(own_folder: Path, sftc_program: str) -> Program:
    return Program(sftc_program, command=("sweep", "job.sft.toml"))


def test_variants_are_written_and_listed(sweep: Program, own_folder: Path) -> None:
    code, out, said = sweep(*RATES, "--set", "training.mode=full,lora", "--output-dir", "out")
    assert (code, said) == (0, "")
    assert out.splitlines()[0].split() == ["file", "hyperparameters.learning_rate", "training.mode"]
    assert out.splitlines()[3].split() == ["out/job-3.sft.toml", "2e-4", '"full"']
    assert sorted(path.name for path in (own_folder / "out").iterdir()) == [
        f"job-{number}.sft.toml" for number in range(1, 5)
    ]
    assert 'mode = "lora"' in (own_folder / "out/job-2.sft.toml").read_text()


def test_the_list_is_data_for_programs(sweep: Program) -> None:
    code, out, _ = sweep(*RATES, "--output-dir", "out", "--format", "json")
    assert code == 0
    assert json.loads(out) == {
        "version": 1,
        "files": [
            {"path": f"out/job-{number}.sft.toml", "values": {"hyperparameters.learning_rate": rate}}
            for number, rate in ((1, 1e-4), (2, 2e-4))
        ],
    }


def test_one_variant_with_errors_stops_all(sweep: Program, own_folder: Path) -> None:
    code, out, said = sweep(*RATES[:1], "hyperparameters.learning_rate=1e-4,-1", "--output-dir", "out")
    assert (code, out) == (1, "")
    assert said.startswith("out/job-2.sft.toml:12:17: error[out-of-range]")
    assert said.endswith("sftc: nothing was written\n")
    assert not (own_folder / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "lr=1e-4,2e-4"], "`lr` makes no difference: out/job-1.sft.toml and out/job-2.sft.toml"),
        (
            ["--set", "hyperparameters.seed=1,2", "--set", "hyperparameters.lr=1,2"],
            "`hyperparameters.lr` makes no difference",
        ),
    ],
)
def test_variants_of_the_same_run_are_not_written(
    sweep: Program, own_folder: Path, options: list[str], words: str
) -> None:
    code, out, said = sweep(*options, "--output-dir", "out")
    assert (code, out) == (1, "")
    assert "did you mean `hyperparameters.learning_rate`?" in said
    assert words in said
    assert not (own_folder / "out").exists()


def test_runs_that_differ_in_their_names_only_are_not_written(sweep: Program, own_folder: Path) -> None:
    code, out, said = sweep("--set", "job.name=a,b", "--output-dir", "out")
    assert (code, out) == (1, "")
    assert said.startswith("Error: `job.name` makes no difference: out/job-1.sft.toml and out/job-2.sft.toml")
    assert not (own_folder / "out").exists()


def test_other_files_are_other_runs(sweep: Program) -> None:
    code, _, said = sweep("--set", "job.data=rows.jsonl,others.jsonl", "--output-dir", "out")
    assert (code, said) == (0, "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "a"], "not of the form KEY=VALUE"),
        (["--set", "a=1,1"], "has the value 1 twice"),
        (["--set", "a=1,1.0"], "has the value 1.0 twice"),
        (["--set", "a=[1],[1.0]"], "has the value [1.0] twice"),
        (["--set", "a=1", "--set", "a=2"], "names a key twice"),
        (["--set", "a=1,2", "--set", "b=1", "--pairs"], "of each key: `a` has 2, `b` has 1."),
        (["--set", "a.b=1,2", "--set", "a={c=1}"], "`a.b` is in `a`: set one of them."),
        (["--set", f"a={','.join(map(str, range(1001)))}"], "these are 1,001 variants"),
        ([], "Missing option '--set'"),
    ],
)
def test_wrong_usage_writes_nothing(sweep: Program, own_folder: Path, options: list[str], words: str) -> None:
    code, out, said = sweep(*options, "--output-dir", "out")
    assert (code, out) == (2, "")
    assert words in said
    assert not (own_folder / "out").exists()


def test_the_folder_has_a_name(sweep: Program, own_folder: Path) -> None:
    code, out, said = sweep(*RATES, "--output-dir", "")
    assert (code, out) == (2, "")
    assert "the name of the output is empty" in said
    assert [path.name for path in own_folder.iterdir()] == ["job.sft.toml"]


def test_a_finding_in_all_variants_is_reported_once(sweep: Program) -> None:
    code, _, said = sweep(*RATES, "--set", "compute.variant=sxm", "--output-dir", "out")
    assert code == 0
    assert said.count("warning[unknown-key]") == 1
    assert said.endswith("1 warning\n")


def test_the_schema_is_found_from_a_folder_that_is_not_there_yet(sweep: Program, own_folder: Path) -> None:
    config = own_folder / "job.sft.toml"
    config.write_text(f"#:schema ./sftc.schema.json\n{config.read_text()}")
    (own_folder / "sftc.schema.json").write_text("{}")
    assert sweep(*RATES, "--output-dir", "new/out")[::2] == (0, "")


def test_a_table_keeps_its_header(sweep: Program, own_folder: Path) -> None:
    code, out, said = sweep("--set", "hyperparameters=1,2", "--output-dir", "out")
    assert (code, out) == (1, "")
    assert said == "Error: `hyperparameters` in job.sft.toml is a table: set the keys in it.\n"
    assert not (own_folder / "out").exists()


def test_an_error_of_the_config_is_in_the_config(sweep: Program, own_folder: Path) -> None:
    (own_folder / "job.sft.toml").write_text("[job\n")
    code, out, said = sweep(*RATES, "--output-dir", "out")
    assert (code, out) == (1, "")
    assert said.startswith("job.sft.toml:1:")


def test_files_are_never_replaced(sweep: Program, own_folder: Path) -> None:
    assert sweep(*RATES, "--output-dir", "out")[0] == 0
    (own_folder / "out/job-1.sft.toml").unlink()
    before = (own_folder / "out/job-2.sft.toml").read_bytes()
    code, _, said = sweep(*RATES, "--output-dir", "out")
    assert (code, "out/job-2.sft.toml exists; nothing was written" in said) == (2, True)
    assert (own_folder / "out/job-2.sft.toml").read_bytes() == before
    assert not (own_folder / "out/job-1.sft.toml").exists()


def test_stdin_and_a_key_inside_a_value_are_refused(sftc_program: str, own_folder: Path) -> None:
    sweep = Program(sftc_program, command=("sweep",))
    assert sweep("-", *RATES, "--output-dir", "out")[0] == 2
    code, _, said = sweep("job.sft.toml", "--set", "job.model.x=1,2", "--output-dir", "out")
    assert (code, "cannot be set" in said) == (1, True)
