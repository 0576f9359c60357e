"""What is sent to SchemaStore passes the checks of its own tests: Ajv in strict mode, from npm."""

import json
import subprocess
from pathlib import Path

import pytest

from support.schemastore_files import FOLDER, configs

CHECK = """
import {readFileSync} from 'node:fs'
import {Ajv} from 'ajv'
import {parse} from 'smol-toml'
const [schema, ...files] = process.argv.slice(2)
const accepts = new Ajv({strict: true}).compile(JSON.parse(readFileSync(schema, 'utf-8')))
for (const file of files) console.log(accepts(parse(readFileSync(file, 'utf-8'))))
"""


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ajv")
    packages = ("ajv@8.17.1", "smol-toml@1.4.2")
    subprocess.run(["npm", "install", "--prefix", folder, "--silent", *packages], check=True)
    (folder / "check.mjs").write_text(CHECK)
    return folder / "check.mjs"


def test_the_schema_is_strict_and_judges_the_tests(check: Path) -> None:
    accepted, refused = configs("test"), configs("negative_test")
    command: list[str | Path] = ["node", check, FOLDER / "src/schemas/json/sftc.json", *accepted, *refused]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert list(map(json.loads, run.stdout.split())) == [True] * len(accepted) + [False] * len(refused)
