"""The seed's promise: the same job twice on the same machine, and the digests of its adapters.

A tiny model, as the tests have it; it runs in the environment of the tests.
"""

import platform
import sys
from hashlib import file_digest
from pathlib import Path
from tempfile import TemporaryDirectory

from measure import HERE, publish

sys.path.append(str(HERE.parent / "tests"))

from support import tiny_model
from support.training_jobs import Bench, Told, payload


def main() -> None:
    """Train, print and publish."""
    lines = ""
    with TemporaryDirectory() as folder:
        models = Path(folder, "models")
        tiny_model.write(models / "tiny")
        for processes in (1, 2):
            digests = []
            for run in (1, 2):
                model = Bench(Path(folder, f"{processes}-{run}"), models, payload(processes)).run(Told())
                with Path(model, "adapter_model.safetensors").open("rb") as file:
                    digests.append(f"`{file_digest(file, 'sha256').hexdigest()[:16]}`")
            if len({*digests}) > 1:
                sys.exit(f"they differ: {digests}")
            lines += f"| {processes} | {' | '.join(digests)} |\n"
    text = f"""Printed by `benchmarks/seed.py`, on {platform.machine()}: the beginnings of the SHA-256 of
the adapters that the same job gives.

| processes | first run | second run |
| --- | --- | --- |
{lines}"""
    publish("The seed", text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
