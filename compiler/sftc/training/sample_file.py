"""The answers of a model in training, in a file of the job's folder."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import orjson

from sftc.training.durable import write_durably


class Sample(NamedTuple):
    """What the model answered to `prompt` after `step` optimizer steps."""

    step: int
    prompt: str
    answer: str


def read_samples(folder: Path) -> list[Sample]:
    """Return the samples of the job in `folder`."""
    path = folder / "samples.json"
    return [Sample(*each) for each in orjson.loads(path.read_bytes())] if path.is_file() else []


def write_samples(folder: Path, samples: Iterable[Sample]) -> None:
    """Write the samples of the job in `folder`, so that a job that resumes has those before."""
    write_durably(folder / "samples.json", orjson.dumps([[*each] for each in samples]))
