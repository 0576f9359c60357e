"""Check that training is reproducible: run the same job twice, and compare the adapters.

`sftc train` trains a small randomly initialized model, in one process and in two. The script runs
in the test environment.
"""

import platform
import subprocess
import sys
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

import chance_model
import orjson
from measure import QUIET, publish

CONFIG = """
[job]
model = "small"
data = "train.jsonl"

[compute]
gpu_type = "CPU"
gpu_count = {processes}

[training]
use_qlora = true

[hyperparameters]
n_epochs = 3
global_batch = 8
learning_rate = 5e-3
"""


def row(at: int) -> bytes:
    """Return a row with an addition and its result."""
    ask, answer = f"{at % 7} + {at % 5}?", f"{at % 7 + at % 5}."
    talk = [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
    return orjson.dumps({"messages": talk}) + b"\n"


def digest(folder: Path, processes: int, run: int) -> str:
    """Train, and return the first 16 digits of the SHA-256 of the adapter."""
    (folder / "job.toml").write_text(CONFIG.format(processes=processes), encoding="utf-8")
    state = folder / f"state-{processes}-{run}"
    command: list[str | Path] = [Path(sys.executable).parent / "sftc", "train", "--config", "job.toml"]
    command += ["--backend", "local", "--models-dir", folder / "models", "--allow-substitutions"]
    environment = QUIET | {"XDG_STATE_HOME": str(state)}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    [adapter] = state.glob("sftc/service/jobs/*/model/adapter_model.safetensors")
    with adapter.open("rb") as file:
        return f"`{file_digest(file, 'sha256').hexdigest()[:16]}`"


def main() -> None:
    """Run the benchmark, and publish the results."""
    lines = ""
    with TemporaryDirectory() as name:
        folder = Path(name)
        chance_model.write(folder / "models/small", chance_model.SMALL)
        (folder / "train.jsonl").write_bytes(b"".join(map(row, range(64))))
        for processes in (1, 2):
            digests = [digest(folder, processes, run) for run in (1, 2)]
            if len({*digests}) > 1:
                sys.exit(f"training is not reproducible: the digests differ: {digests}")
            lines += f"| {processes} | {' | '.join(digests)} |\n"
    text = f"""Measured by `benchmarks/seed.py` on {platform.machine()}. The first 16 digits of the SHA-256 of
the adapter, for two runs of the same job.

| processes | first run | second run |
| --- | --- | --- |
{lines}"""
    publish("The seed", text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
