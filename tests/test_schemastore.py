"""What is sent to SchemaStore: its rules that need no Node.js. `make test-schemastore` checks the rest."""

import json
import re
import tomllib

from jsonschema import Draft7Validator

from sftc.contract.versions import PACKAGED
from support.schemastore_files import FOLDER, configs

SCHEMA = json.loads((FOLDER / "src/schemas/json/sftc.json").read_bytes())


def test_the_schema_judges_the_tests_like_that_of_editors() -> None:
    ours = Draft7Validator(json.loads(PACKAGED.newest.bundle(PACKAGED.newest.config_schema)))
    Draft7Validator.check_schema(SCHEMA)
    for kind, verdict in (("test", True), ("negative_test", False)):
        for config in configs(kind):
            values = tomllib.loads(config.read_text(encoding="utf-8"))
            assert Draft7Validator(SCHEMA).is_valid(values) == ours.is_valid(values) == verdict, config


def test_each_negative_test_has_one_fault() -> None:
    for config in configs("negative_test"):
        values = tomllib.loads(config.read_text(encoding="utf-8"))
        [_] = Draft7Validator(SCHEMA).iter_errors(values)


def test_the_files_have_the_form_that_their_repository_wants() -> None:
    entry = json.loads((FOLDER / "entry.json").read_bytes())
    assert SCHEMA["$id"] == entry["url"] == "https://www.schemastore.org/sftc.json"
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert entry["fileMatch"] == ["*.sft.toml"]
    for text in (entry["name"], entry["description"]):
        assert "schema" not in text.lower()
        assert not re.search(r"[,. \t-]$", text)
    for config in (*configs("test"), *configs("negative_test")):
        first = config.read_text(encoding="utf-8").splitlines()[0]
        assert first == "#:schema ../../schemas/json/sftc.json"
    assert "x-sftc" not in json.dumps(SCHEMA)
