"""`sftc estimate`, run as a program."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from sftc.service.data_folder import DATABASE
from sftc.service.store import Store
from support.chat_models import write_chat_model
from support.program import Program
from support.setups import QWEN

pytestmark = pytest.mark.measured

CONFIG = """schema_version = 2

[job]
model = "model"
data = "rows.jsonl"

[compute]
gpu_type = "H100"

[training]
mode = "lora"

[hyperparameters]
per_device_batch = 2
sequence_length = 512
learning_rate = 2e-4
"""


@pytest.fixture
def sftc(own_folder: Path, sftc_program: str) -> Program:
    (own_folder / "model").mkdir()
    (own_folder / "model/config.json").write_text(json.dumps(QWEN))
    (own_folder / "job.toml").write_text(CONFIG)
    return Program(sftc_program, command=("estimate",))


def estimated(sftc: Program, *options: str) -> dict[str, Any]:
    code, out, said = sftc("job.toml", "--format", "json", *options)
    assert (code, said) == (0, "")
    made: dict[str, Any] = json.loads(out)
    return made


def test_the_text_shows_parts_bounds_and_a_verdict(sftc: Program) -> None:
    code, out, said = sftc("job.toml")
    assert (code, said) == (0, "")
    assert out.startswith(
        "job.toml: model (11.34 million parameters), LoRA of rank 16, fp32, 2 rows of 512 tokens"
    )
    for word in ("base weights", "activations", "logits and loss", "together", "GiB", "fits: H100-80GB"):
        assert word in out
    assert "\x1b" not in out


def test_the_json_fits_its_schema_and_parts_add_up(sftc: Program, root: Path) -> None:
    made = estimated(sftc)
    schema = json.loads((root / "schemas/sftc_schemas/estimate.schema.json").read_bytes())
    Draft7Validator(schema).validate(made)
    peak = next(each for each in made["moments"] if each["moment"] == made["peak"])
    assert sum(part["expected"] for part in made["parts"]) == pytest.approx(peak["expected"], abs=20)
    assert made["bytes"]["low"] < made["bytes"]["expected"] < made["bytes"]["high"]
    assert made["model"]["source"] == "model/config.json"


def test_options_override_the_config(sftc: Program) -> None:
    plain = estimated(sftc)
    assert estimated(sftc, "--device", "L4")["device"]["name"] == "L4"
    assert estimated(sftc, "--gpus", "4")["run"]["devices"] == 4
    assert estimated(sftc, "--model", "model/config.json")["bytes"] == plain["bytes"]
    assert estimated(sftc, "--model", "Qwen/Qwen3-4B")["model"]["parameters"] == 4_022_468_096
    longer = estimated(sftc, "--set", "hyperparameters.sequence_length=1024")
    assert longer["bytes"]["low"] > plain["bytes"]["low"]
    on_cpu = estimated(sftc, "--device", "cpu", "--gpus", "2")
    assert on_cpu["device"]["kind"] == "cpu"
    assert on_cpu["share"] == pytest.approx(
        2 * on_cpu["bytes"]["high"] / on_cpu["device"]["usable"], abs=1e-3
    )


CHECKPOINTED = (
    "--set",
    "training.mode=qlora",
    "--set",
    "hyperparameters.parallelism.activation_checkpointing=true",
)


def test_parts_say_what_they_are_in_this_run(sftc: Program) -> None:
    plain, changed = (
        {each["part"]: each for each in estimated(sftc, *more)["parts"]} for more in ((), CHECKPOINTED)
    )
    assert "NF4" in changed["weights"]["assumption"]
    assert "input of each layer" in changed["activations"]["formula"]
    assert changed["activations"]["expected"] < plain["activations"]["expected"]
    code, out, _ = sftc("job.toml", *CHECKPOINTED)
    assert (
        code,
        "LoRA in 4 bits of rank 16, fp32, 2 rows of 512 tokens a pass, activation checkpointing" in out,
    ) == (0, True)


def test_a_run_that_does_not_fit_fails(sftc: Program) -> None:
    code, out, said = sftc("job.toml", "--model", "meta-llama/Llama-3.1-70B", "--device", "T4")
    assert (code, said) == (1, "")
    assert "does not fit: T4" in out


def test_without_a_device_there_is_no_verdict(sftc: Program, own_folder: Path) -> None:
    (own_folder / "job.toml").write_text(CONFIG.replace('gpu_type = "H100"', ""))
    code, out, _ = sftc("job.toml")
    assert (code, "No device is named: pass --device" in out) == (0, True)


def test_a_key_that_is_not_a_part_of_the_run_is_named(sftc: Program, own_folder: Path) -> None:
    (own_folder / "job.toml").write_text(CONFIG.replace("sequence_length", "max_seq_length"))
    code, out, said = sftc("job.toml")
    assert "tokens a pass" in out
    assert (code, "did you mean `hyperparameters.sequence_length`?" in said) == (0, True)
    assert "1 warning" in said


def test_what_is_not_said_is_assumed(sftc: Program, own_folder: Path) -> None:
    (own_folder / "job.toml").write_text(CONFIG.replace("sequence_length = 512\n", ""))
    made = estimated(sftc, "--model", "HuggingFaceTB/SmolLM2-135M", "--set", "hyperparameters.packing=true")
    assert made["run"]["tokens"] == 8192
    said = " ".join(made["assumptions"])
    assert "is not on this machine" in said
    assert "sets no `sequence_length`" in said
    assert "differ in length" not in said  # packed rows always have a mask


def test_files_with_more_tensors_count_whole(sftc: Program, own_folder: Path) -> None:
    header = json.dumps({"vision.weight": {"shape": [100_000, 1000]}}).encode()
    (own_folder / "model/model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    made = estimated(sftc)
    assert made["model"]["parameters"] == 100_000_000
    assert "parameters beside those of its text part" in made["assumptions"][0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--device", "H1000"], "--device: no device is called 'H1000'"),
        (["--set", "compute.gpu_type=TPU"], "`compute.gpu_type`: no device is called 'TPU'"),
        (["--model", "a/b"], "hf download a/b config.json"),
        (
            ["--model", "nowhere"],
            "the model nowhere is not on this machine: no folder has that name. The table",
        ),
        (["--model", "."], ". is not the folder of a model: it has no config.json. The table"),
        (["--model", "job.toml"], "job.toml is a file, not the folder of a model. The table"),
        (["--model", "mamba.json"], "has no architecture 'mamba'"),
        (["--model", "list.json"], "list.json is not a JSON object"),
        (["--model", "short.json"], "config.json names no limit"),
        (["--gpus", "3", "--set", "hyperparameters.global_batch=16"], "settings contradict each other"),
        (["--gpus", "0"], "x>=1"),
    ],
)
def test_what_cannot_be_estimated_is_a_clear_error(
    sftc: Program, own_folder: Path, options: list[str], words: str
) -> None:
    (own_folder / "mamba.json").write_text('{"model_type": "mamba"}')
    (own_folder / "list.json").write_text("[]")
    (own_folder / "short.json").write_text(json.dumps({**QWEN, "max_position_embeddings": None}))
    if "short.json" in options:
        (own_folder / "job.toml").write_text(CONFIG.replace("sequence_length = 512\n", ""))
    code, out, said = sftc("job.toml", *options)
    assert code in (1, 2)
    assert out == ""
    assert words in said
    assert "Traceback" not in said


def test_a_config_without_a_model_needs_one(sftc: Program, own_folder: Path) -> None:
    (own_folder / "job.toml").write_text(CONFIG.replace('model = "model"', ""))
    code, _, said = sftc("job.toml")
    assert code in (1, 2)
    assert "model" in said


def test_no_torch_is_imported(sftc: Program, own_folder: Path) -> None:
    import subprocess

    script = (
        "import sys; from sftc.cli.main import main\n"
        "sys.argv = ['sftc', 'estimate', 'job.toml']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'jsonschema', 'tomlkit'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.endswith("[]\n")


def row(words: int) -> str:
    said = [{"role": "user", "content": "word " * words}, {"role": "assistant", "content": "answer " * words}]
    return json.dumps({"messages": said}) + "\n"


def test_training_files_give_steps_time_and_price(sftc: Program, own_folder: Path, root: Path) -> None:
    (own_folder / "rows.jsonl").write_text("".join(map(row, [10, 20, 100] * 10)))
    made = estimated(sftc, "--dataset", "rows.jsonl", "--price-per-hour", "2")
    schema = json.loads((root / "schemas/sftc_schemas/estimate.schema.json").read_bytes())
    Draft7Validator(schema).validate(made)
    work = made["work"]
    assert work["rows"] == 30
    assert work["steps"]["expected"] == 15
    assert work["tokens"]["low"] < work["tokens"]["expected"] < work["tokens"]["high"]
    assert work["price"]["expected"] == round(work["seconds"]["expected"] / 1800, 2)
    assert "since the tokenizer is not here" in work["lengths"]
    code, out, said = sftc("job.toml", "--dataset", "rows.jsonl", "--price-per-hour", "2")
    assert (code, said) == (0, "")
    for word in ("The training files have 30 rows, about ", "steps       15, of 2 rows", "padding", "price"):
        assert word in out


def job_that_trained(folder: Path, model: str, device: str, *speeds: float) -> None:
    """Record a job of the embedded service as its executor does."""
    (folder / "state/sftc/service").mkdir(parents=True, exist_ok=True)
    store = Store(folder / "state/sftc/service" / DATABASE)
    job, _ = store.add_job({"model": model}, "sha256:0", None)
    store.move(job["id"], "running", of=("created",))
    store.event(job["id"], "training", "", {"device": device})
    for step, speed in enumerate(speeds):
        store.metric(job["id"], "train.tokens_per_second", step, speed)
    store.move(job["id"], "succeeded", of=("running",))
    store.close()


def test_earlier_jobs_on_this_machine_say_how_long_it_takes(sftc: Program, own_folder: Path) -> None:
    (own_folder / "rows.jsonl").write_text("".join(map(row, [10, 20, 100] * 10)))
    options = ("--dataset", "rows.jsonl", "--device", "cpu")
    assert estimated(sftc, *options)["work"]["seconds"] is None
    assert "time        not known: no job has trained this model" in sftc("job.toml", *options)[1]
    job_that_trained(own_folder, "other", "cpu", 1.0)
    job_that_trained(own_folder, "model", "cuda:0", 9000.0)
    assert estimated(sftc, *options)["work"]["seconds"] is None
    job_that_trained(own_folder, "model", "cpu", 100.0, 300.0, 200.0)
    made = estimated(sftc, *options)["work"]
    assert made["speed"] == "100 to 300 tokens a second, as in 1 earlier job of this model on this machine"
    assert made["seconds"]["expected"] > 45
    (own_folder / "state/sftc/service" / DATABASE).write_bytes(b"no database")
    assert estimated(sftc, *options)["work"]["seconds"] is None


def test_a_tokenizer_counts_the_tokens(sftc: Program, own_folder: Path) -> None:
    pytest.importorskip("transformers")
    write_chat_model(own_folder / "model")
    numbers = json.loads((own_folder / "model/config.json").read_bytes())
    (own_folder / "model/config.json").write_text(json.dumps({**QWEN, **numbers, "model_type": "qwen3"}))
    (own_folder / "rows.jsonl").write_text("".join(map(row, [10, 20, 100] * 10)))
    work = estimated(sftc, "--dataset", "rows.jsonl")["work"]
    assert work["tokens"]["low"] == work["tokens"]["high"] > 30
    assert work["lengths"].startswith("tokens as the chat template")


def test_a_training_file_with_errors_is_not_estimated(sftc: Program, own_folder: Path) -> None:
    (own_folder / "rows.jsonl").write_text("{}\n")
    code, out, said = sftc("job.toml", "--dataset", "rows.jsonl")
    assert (code, out) == (1, "")
    assert "error[" in said
    assert "the training files have errors" in said


def test_fit_shows_and_makes_the_change(sftc: Program, own_folder: Path) -> None:
    (own_folder / "job.toml").write_text(CONFIG.replace('"H100"', '"T4"').replace("batch = 2", "batch = 64"))
    code, out, said = sftc("job.toml", "--fit")
    assert code == 0
    assert "-per_device_batch = 64\n+per_device_batch = 32\n" in out
    assert "+gradient_accumulation_steps = 2\n" in out
    assert "hyperparameters.per_device_batch = 32: the same batch in more passes" in said
    assert "the run fits T4" in said
    code, out, _ = sftc("job.toml", "--fit", "--write")
    assert (code, out) == (0, "")
    assert "per_device_batch = 32\n" in (own_folder / "job.toml").read_text()
    code, out, said = sftc("job.toml", "--fit")
    assert (code, out) == (0, "")
    assert said.startswith("Nothing to do: the run fits T4")
    code, out, said = sftc("job.toml", "--fit", "--model", "meta-llama/Llama-3.1-70B")
    assert (code, out) == (1, "")
    assert "no change of the config makes the run fit T4" in said


def test_the_plot_has_every_moment(sftc: Program, own_folder: Path) -> None:
    pytest.importorskip("matplotlib")
    assert sftc("job.toml", "--plot", "memory.svg")[0] == 0
    assert sftc("job.toml", "--plot", "memory.png")[0] == 0
    assert (own_folder / "memory.svg").read_bytes().startswith(b"<?xml")
    assert (own_folder / "memory.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--write"], "--write needs --fit"),
        (["--fit", "--format", "json"], "leave out --format and --plot"),
        (["--price-per-hour", "1"], "needs --dataset"),
        (["--plot", "memory.pdf"], "draws .svg and .png"),
        (["--fit", "--set", "compute.gpu_type=H100", "--device", "H1"], "no device is called 'H1'"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(
    sftc: Program, options: list[str], words: str
) -> None:
    code, out, said = sftc("job.toml", *options)
    assert (code, out) == (2, "")
    assert words in said


def test_lint_reports_a_run_that_does_not_fit(sftc_program: str, own_folder: Path) -> None:
    lint = Program(sftc_program, command=("lint",))
    (own_folder / "job.toml").write_text(
        CONFIG.replace('"H100"', '"T4"').replace('"model"', '"meta-llama/Llama-3.1-70B"')
    )
    assert "will-not-fit" not in lint("job.toml")[1]
    code, out, _ = lint("job.toml", "--estimate")
    assert code == 1
    assert "job.toml:8:12: warning[will-not-fit]: the run takes" in out
    text = (own_folder / "job.toml").read_text().replace('"T4"', '"T4" # sftc: ignore[will-not-fit]')
    (own_folder / "job.toml").write_text(text)
    for options in ([], ["--estimate"]):
        assert "[" not in lint("job.toml", *options)[1]
    (own_folder / "job.toml").write_text(CONFIG)
    assert "will-not-fit" not in lint("job.toml", "--estimate")[1]


def test_train_stops_before_a_run_that_does_not_fit(sftc_program: str, own_folder: Path) -> None:
    train = Program(sftc_program, command=("train",))
    (own_folder / "job.toml").write_text(
        CONFIG.replace('"H100"', '"T4"').replace('"model"', '"meta-llama/Llama-3.1-70B"')
    )
    (own_folder / "rows.jsonl").write_text(row(10) * 20)
    code, out, said = train("--config", "job.toml", "--backend", "local")
    assert (code, out) == (1, "")
    assert "error[will-not-fit]" in said
    assert said.endswith("sftc: nothing was sent (--no-preflight sends it)\n")
