"""A target of a person's own that has a service: its table is checked, and jobs are submitted by it."""

import json
import tomllib
from pathlib import Path

import pytest

from sftc.checks.service_slots import slot_faults
from sftc.cli.target_names import find_target
from sftc.findings.finding import ConfigError
from support.backends import Answer, Asked, odd_service
from support.environment import KEY
from support.program import Program
from support.training_files import GOOD

pytestmark = pytest.mark.measured

SERVICE = """[address]
default = "https://train.example.org"
variable = "MINE_URL"
key = "MINE_KEY"
[bind]
training = { to = "/data" }
validation = { to = "/more", list = true }
[file]
id = ["/id"]
status = ["/state"]
error = ["/why"]
ready = ["ready"]
pending = ["busy"]
patience = 10
[[file.upload]]
method = "PUT"
path = "files/{sha256}"
part = "content"
[file.read]
path = "files/{file}"
[job]
chosen = "run-{order}"
id = ["/run"]
status = ["/state"]
model = ["/model"]
columns = {}
succeeded = ["done"]
failed = ["broken"]
cancelled = ["gone"]
[job.create]
method = "POST"
path = "runs/{job}"
[job.read]
path = "runs/{job}"
[job.list]
path = "runs"
list = ["/runs"]
[job.cancel]
method = "POST"
path = "runs/{job}/cancel"
"""
FILES = {
    "rows.jsonl": GOOD,
    "config.toml": 'schema_version = 2\n[job]\nmodel = "m"\ndata = "rows.jsonl"\n',
    "mine/target.toml": 'title = "Mine"\n\n[[file]]\nname = "{name}.json"\nform = "json"\n',
    "mine/mapping.toml": """[[rule]]
id = "model"
from = "job.model"
to = "/model"
op = "copy"
why = "The base model, for a trainer of one's own."

[[rule]]
id = "data"
to = "/data"
op = "constant"
key = "job.data"
why = "The id of the uploaded training file: null here, since it is known only after the upload."

[[unsent]]
from = "schema_version"
used_by = "compiler"
why = "It chooses the version of the language."
""",
    "mine/payload.schema.json": "{}",
    "mine/service.toml": SERVICE,
}
WRONG = [
    (
        'path = "runs/{job}/cancel"',
        'path = "runs/{run}/cancel"',
        "service.toml:40:8",
        "`{run}` has no value here",
    ),
    ('path = "files/{sha256}"', 'path = "files/{file}"', "service.toml:17:8", "`{file}` has no value here"),
    ('part = "content"\n', "", "service.toml:15:", "no request has the data file"),
    ('id = ["/run"]\n', "", "service.toml:21:", "'id' is a required property"),
    ('ready = ["ready"]', 'ready = ["READY"]', "service.toml:12:10", "'READY' does not match"),
    ('key = "MINE_KEY"', 'key = "my-key"', "service.toml:4:7", "'my-key' does not match"),
    ("[address]", "[address", "service.toml:1:", ""),
]


@pytest.mark.parametrize(("right", "wrong", "place", "said"), WRONG)
def test_a_table_that_is_wrong_is_a_finding_on_its_line(
    folder: Path, right: str, wrong: str, place: str, said: str
) -> None:
    (folder / "mine/service.toml").write_text(SERVICE.replace(right, wrong))
    with pytest.raises(ConfigError) as refused:
        find_target("mine")
    [found] = refused.value.findings
    line = f"service.toml:{found.span.line}:{found.span.column}"
    assert line.startswith(place)
    assert said in found.message


def test_a_schema_of_rows_that_is_not_json_is_a_finding(folder: Path) -> None:
    (folder / "mine/row.schema.json").write_text("{")
    with pytest.raises(ConfigError, match=r"row\.schema\.json cannot be read"):
        find_target("mine")


@pytest.mark.parametrize("section", ["limits", "events"])
def test_slots_in_every_part_of_a_table_are_checked(section: str) -> None:
    table = tomllib.loads(SERVICE)
    table[section] = {"path": "x/{other}", "values": {"model": "/model"}}
    [(path, message)] = slot_faults(table)
    assert (path[0], "`{other}`" in message) == (section, True)


def test_a_job_is_submitted_by_the_table(
    sftc_program: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: dict[str, dict[str, str]] = {}

    def serve(asked: Asked) -> Answer:
        assert asked.headers["Authorization"] == f"Bearer {KEY}"
        what, _, id = asked.path[1:].partition("/")
        if what == "files":
            return Answer({"id": id, "state": "ready"})
        if asked.method == "POST":
            runs[id] = {"run": f"runs/{id}", "state": "done", "model": "tuned", "sent": asked.body.decode()}
        return Answer(runs[id]) if id in runs else Answer({}, 404)

    with odd_service(serve) as service:
        monkeypatch.setenv("MINE_URL", service.root)
        monkeypatch.setenv("MINE_KEY", KEY)
        arguments = ["train", "--config", "config.toml", "--target", "./mine", "--poll-interval", "0.05"]
        code, out, errors = Program(sftc_program)(*arguments)
    [id] = runs
    assert (code, out) == (0, f"{id}\n"), errors
    assert f"{id} succeeded: tuned" in errors
    sent = json.loads(runs[id]["sent"])
    assert (sent["model"], len(sent["data"])) == ("m", 64)
