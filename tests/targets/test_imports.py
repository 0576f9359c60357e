"""What `sftc import` reads is what the real parsers of the trainers read."""

import json
from pathlib import Path
from typing import Any

import pytest

import sftc
from sftc.contract.targets import FOLDER
from sftc.contract.versions import PACKAGED
from sftc.findings.stage_rules.other_trainers import UNFINISHED
from sftc.tools.import_config import importable
from support.round_trips import expressible, imported_again, texts, without_defaults
from support.target_readers import run_reader

TRAINERS = [*importable(PACKAGED)]


@pytest.mark.slow
@pytest.mark.parametrize("target", TRAINERS)
def test_the_names_and_defaults_are_those_of_the_trainer(target: str, tmp_path: Path) -> None:
    [said] = run_reader(target, ["--fields"], tmp_path)
    assert said == json.loads(PACKAGED.read(f"{FOLDER}/{target}/fields.json"))


def _written(folder: Path, text: str, compiled: sftc.Compiled) -> Path:
    folder.mkdir()
    for name, data in compiled.files("job").items():
        (folder / name).write_bytes(data)
    (folder / "job.yaml").write_text(text)
    return folder / "job.yaml"


@pytest.mark.slow
@pytest.mark.parametrize("target", TRAINERS)
def test_a_config_that_is_imported_and_compiled_is_read_as_the_same_settings(
    target: str, tmp_path: Path
) -> None:
    """The config that is imported leaves out what has the default of the trainer."""
    files: list[Path] = []
    for number, text in enumerate(dict.fromkeys(expressible(each, target) for each in texts())):
        compiled = sftc.compile(text, target=target)
        if not compiled.ok or any(found.id == UNFINISHED.id for found in compiled.findings):
            continue
        short = without_defaults(compiled, target)
        found = imported_again(compiled, target, short)
        assert found.text is not None
        again = sftc.compile(found.text, target=target)
        long = again.files("job")["job.yaml"].decode()
        files += [
            _written(tmp_path / f"{number}-short", short, compiled),
            _written(tmp_path / f"{number}-long", long, again),
        ]
    assert len(files) > 100
    said: list[dict[str, Any]] = run_reader(target, files, tmp_path)
    pairs = [*zip(files[::2], said[::2], said[1::2], strict=True)]
    refused = [each for each in pairs if "refused" in each[1] and "refused" in each[2]]
    assert len(refused) < len(pairs) / 20  # batches that Axolotl does not pack
    for file, short_read, long_read in pairs:
        assert short_read == long_read or "refused" in short_read.keys() & long_read.keys(), file.read_text()
