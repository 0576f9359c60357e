"""The `#:schema` line names a file in the way of either editor: as it is, or percent-decoded."""

import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest

from sftc.text.source import Source
from sftc.tools.lint import files, lint

JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'


@pytest.mark.parametrize(
    ("line", "exists"),
    [
        ("#:schema ./my schemas/sftc.schema.json", True),
        ("#:schema ./my%20schemas/sftc.schema.json", True),
        ("#:schema ./my%20schemas/sftc.schema.json # for taplo", True),
        ("#:schema ./my_schemas/sftc.schema.json", False),
        ("#:schema ./my%2520schemas/sftc.schema.json", False),
        ("#:schema https://example.org/sftc.schema.json", True),
    ],
)
def test_the_file_is_looked_for_as_editors_look_for_it(tmp_path: Path, line: str, *, exists: bool) -> None:
    (tmp_path / "my schemas").mkdir()
    (tmp_path / "my schemas/sftc.schema.json").write_text("{}")
    found = lint(Source(str(tmp_path / "c.toml"), f"{line}\n{JOB}"))
    assert [each.id for each in found] == ([] if exists else ["missing-schema-file"])
    if not exists:
        assert found[0].span.text == line.removeprefix("#:schema ")
        written = tmp_path / unquote(line.removeprefix("#:schema "))  # wherever the command runs
        assert f"--output {shlex.quote(str(written))}`" in str(found[0].help)


@pytest.mark.parametrize("path", ["./my schemas/sftc.schema.json", "./my%20schemas/sftc.schema.json"])
def test_a_folder_is_searched_for_files_with_either_form(tmp_path: Path, path: str) -> None:
    config = tmp_path / "c.toml"
    config.write_text(f"#:schema {path}\n{JOB}")
    assert files([str(tmp_path)]) == [str(config)]
