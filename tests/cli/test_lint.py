"""`sftc lint`: which configs it checks, when it fails, and how it fixes files."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from support.program import Program

GOOD = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'
NOTED = GOOD + '\n[data]\nvalidation_path = "v.jsonl"\n'
WARNED = GOOD + "gpu_cout = 1\n"
WRONG = '[job]\nmodel = "m "\n\n[compute]\ngpu_type = "H100"\ngpu_count = 2.0 # two\n'


@pytest.fixture
def lint(sftc_program: str) -> Program:
    return Program(sftc_program, command=("lint",))


pytestmark = pytest.mark.measured
FILES = {"good.sft.toml": GOOD, "noted.sft.toml": NOTED, "warned.sft.toml": WARNED, "wrong.sft.toml": WRONG}


def test_lint_fails_on_errors_and_warnings_but_not_on_notes(lint: Program) -> None:
    assert lint("good.sft.toml") == (0, "no findings in 1 file\n", "")
    assert lint("wrong.sft.toml")[0] == 1
    assert lint("warned.sft.toml")[0] == 1
    code, report, errors = lint("noted.sft.toml")
    assert (code, errors) == (0, "")
    assert "note[file-without-validation]" in report
    assert report.endswith("\n1 note in 1 file\n")
    assert lint("wrong.sft.toml", "--exit-zero")[0] == 0


def test_a_folder_is_replaced_by_the_configs_in_it(lint: Program, folder: Path) -> None:
    inner = folder / "a/b"
    inner.mkdir(parents=True)
    (inner / "named.toml").write_text("# a comment\n#:schema ../sftc.schema.json\n" + WARNED)
    (inner / "other.toml").write_text("#:schema ./other.json\n" + WARNED)
    (inner / "plain.toml").write_text(WARNED)
    (folder / ".hidden").mkdir()
    (folder / ".hidden/x.sft.toml").write_text(WARNED)
    code, report, _ = lint(".", "--format", "json")
    assert code == 1
    paths = [each["path"] for each in json.loads(report)["files"]]
    assert paths == [f"./{name}.sft.toml" for name in ("good", "noted", "warned", "wrong")] + [
        "./a/b/named.toml"
    ]
    assert json.loads(lint("a", "good.sft.toml", "a", "--format", "json")[1])["summary"]["warnings"] == 2


def test_a_folder_without_configs_is_wrong_usage(lint: Program, folder: Path) -> None:
    (folder / "empty").mkdir()
    code, report, errors = lint("empty")
    assert (code, report) == (2, "")
    assert "no configs in empty" in errors


def test_a_schema_line_is_read_from_the_folder_of_the_config(lint: Program, folder: Path) -> None:
    (folder / "sub").mkdir()
    config = folder / "sub/x.sft.toml"
    config.write_text("#:schema ./sftc.schema.json\n" + GOOD)
    assert "warning[missing-schema-file]" in lint("sub/x.sft.toml")[1]
    (folder / "sub/sftc.schema.json").write_text("{}")
    assert lint("sub/x.sft.toml")[0] == 0
    config.write_text("#:schema https://example.org/sftc.schema.json\n" + GOOD)
    assert lint("sub/x.sft.toml")[0] == 0


def test_rules_are_selected_and_ignored(lint: Program) -> None:
    assert lint("wrong.sft.toml", "--ignore", "surrounding-space", "--ignore", "float-for-integer")[0] == 0
    report = lint("wrong.sft.toml", "warned.sft.toml", "--select", "unknown-key")[1]
    assert report.endswith("\n1 warning in 2 files; sftc can fix 1 with --fix --unsafe-fixes\n")
    assert lint("wrong.sft.toml", "--select", "no-such-rule")[0] == 2


def test_safe_fixes_are_applied_and_the_rest_is_reported(lint: Program, folder: Path) -> None:
    config = folder / "wrong.sft.toml"
    config.write_bytes((WRONG + "gpu_cout = 1\n").replace("\n", "\r\n").encode())
    config.chmod(0o640)
    code, report, _ = lint("wrong.sft.toml", "--fix")
    assert code == 1
    assert report.endswith("\n1 warning in 1 file\n")
    fixed = GOOD + "gpu_count = 2 # two\ngpu_cout = 1\n"
    assert config.read_bytes().decode() == fixed.replace("\n", "\r\n")
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert sorted(path.suffix for path in folder.iterdir()) == [".toml"] * 4


def test_unsafe_fixes_need_their_own_flag(lint: Program, folder: Path) -> None:
    assert lint("warned.sft.toml", "--fix")[0] == 1
    assert lint("warned.sft.toml", "--unsafe-fixes")[0] == 2
    code, report, said = lint("warned.sft.toml", "--fix", "--unsafe-fixes")
    assert (code, report, said) == (0, "no findings in 1 file\n", "Fixed warned.sft.toml.\n")
    assert (folder / "warned.sft.toml").read_text() == GOOD + "gpu_count = 1\n"


def test_a_diff_changes_nothing_and_can_be_applied(lint: Program, folder: Path) -> None:
    code, diff, _ = lint(".", "--diff", "--unsafe-fixes")
    assert code == 1
    assert (folder / "wrong.sft.toml").read_text() == WRONG
    subprocess.run(["git", "apply"], input=diff.encode(), check=True, capture_output=True)
    code, diff, left = lint(".", "--diff", "--unsafe-fixes")
    assert (code, diff) == (0, "")
    assert left.endswith("\n1 note in 4 files\n")


@pytest.mark.parametrize("char", ["\u2028", "\u0085", "\f", "\x1c", "é"])
def test_a_diff_with_odd_characters_can_be_applied(lint: Program, folder: Path, char: str) -> None:
    config = folder / "odd.toml"
    text = f'[job]\nmodel = "m "\ndata = "a{char}b"\n[compute]\ngpu_type = "H"'
    config.write_text(text.replace("\f", "").replace("\x1c", ""))
    diff = lint("odd.toml", "--diff")[1]
    subprocess.run(["git", "apply"], input=diff.encode(), check=True, capture_output=True)
    assert config.read_text() == text.replace("\f", "").replace("\x1c", "").replace("m ", "m")


def test_a_diff_reports_the_findings_that_remain(lint: Program, folder: Path) -> None:
    (folder / "broken.toml").write_text("a = ")
    for path, said in {"absent.toml": "unreadable-file", "broken.toml": "toml-syntax"}.items():
        code, diff, left = lint(path, "--diff")
        assert (code, diff) == (1, "")
        assert said in left


def test_a_fix_is_checked_by_all_rules_even_if_not_selected(lint: Program, folder: Path) -> None:
    config = folder / "twice.toml"
    text = (
        "schema_version = 2\n"
        + GOOD
        + "[training]\nwarmup_steps = 20\n[hyperparameters]\nwarmup_ratio = 0.1\n"
    )
    config.write_text(text)
    lint("twice.toml", "--fix", "--unsafe-fixes", "--select", "misplaced-key")
    assert config.read_text() == text


def test_odd_files_in_a_folder_are_skipped(lint: Program, folder: Path) -> None:
    (folder / "strange").mkdir()
    os.mkfifo(folder / "strange/pipe.sft.toml")
    (folder / "strange/dangling.sft.toml").symlink_to("nowhere")
    (folder / "strange/loop").symlink_to(".")
    (folder / "strange/one.sft.toml").write_text(GOOD)
    (folder / "strange/two.sft.toml").symlink_to("one.sft.toml")
    assert lint("strange", "strange/one.sft.toml", f"{folder}/strange") == (0, "no findings in 1 file\n", "")


def test_a_file_name_that_is_not_utf8_is_accepted(lint: Program, folder: Path) -> None:
    name = os.fsdecode(b"x\xff.sft.toml")
    (folder / name).write_text(WRONG)
    for arguments in (["--diff"], ["--format", "json"], ["--format", "sarif"], ["--format", "junit"], []):
        code, _, errors = lint(name, *arguments)
        assert code == 1
        assert "Traceback" not in errors


def test_only_fixes_of_selected_rules_are_applied(lint: Program, folder: Path) -> None:
    lint("wrong.sft.toml", "--fix", "--select", "float-for-integer")
    assert (folder / "wrong.sft.toml").read_text() == WRONG.replace("2.0", "2")


def test_a_file_that_cannot_be_written_is_unchanged(lint: Program, folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real/c.sft.toml").write_text(WRONG)
    run = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; ulimit -f 0; {lint.path} lint --fix real/c.sft.toml 2>&1 | cat"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert "File too large" in run.stdout
    assert (folder / "real/c.sft.toml").read_text() == WRONG
    assert [path.name for path in (folder / "real").iterdir()] == ["c.sft.toml"]


def test_stdin_is_linted_and_never_fixed(lint: Program) -> None:
    assert lint("-", stdin=GOOD)[0] == 0
    assert "<stdin>:6:1: warning[unknown-key]" in lint("-", stdin=WARNED)[1]
    assert lint("-", "--fix", stdin=WRONG)[0] == 2


@pytest.mark.parametrize("flag", ["--fix", "--diff"])
def test_a_pipe_is_linted_and_never_fixed(lint: Program, folder: Path, flag: str) -> None:
    os.mkfifo(folder / "pipe")
    code, report, errors = lint("pipe", flag)
    assert (code, report) == (2, "")
    assert "pipe is not a file that could be changed" in errors


def test_a_patch_has_no_other_format(lint: Program, folder: Path) -> None:
    code, report, errors = lint("wrong.sft.toml", "--diff", "--format", "json")
    assert (code, report) == (2, "")
    assert "--diff prints a patch: leave out --format" in errors
    (folder / "pyproject.toml").write_text('[tool.sftc]\nformat = "json"\n')
    assert lint("wrong.sft.toml", "--diff")[1].startswith("--- a/wrong.sft.toml")


@pytest.mark.parametrize(
    ("name", "words"),
    [("unknown-kye", "no rule 'unknown-kye'; did you mean 'unknown-key'?"), ("x", "no rule 'x'.")],
)
@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_a_rule_that_is_not_there_is_wrong_usage(lint: Program, option: str, name: str, words: str) -> None:
    code, _, errors = lint("good.sft.toml", option, name)
    assert (code, errors.splitlines()[-1]) == (2, f"Error: Invalid value for '{option}': {words}")


def test_a_folder_that_was_removed_has_no_settings(lint: Program, folder: Path) -> None:
    line = "mkdir gone && cd gone && rmdir ../gone && lint {}"
    assert lint.shell(line.format(folder / "good.sft.toml")) == (0, "no findings in 1 file\n", "")


def test_a_missing_file_is_a_finding(lint: Program) -> None:
    code, report, _ = lint("absent.toml", "good.sft.toml")
    assert code == 1
    assert "absent.toml: error[unreadable-file]" in report


def test_pyproject_sets_default_options(lint: Program, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = folder / "pyproject.toml"
    project.write_text('[tool.sftc]\nignore = ["unknown-key"]\nformat = "json"\n')
    inner = folder / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    code, report, _ = lint("../warned.sft.toml")
    assert (code, json.loads(report)["summary"]) == (0, {"errors": 0, "warnings": 0, "notes": 0})
    assert lint("../warned.sft.toml", "--format", "text", "--ignore", "wrong-type")[0] == 1
    project.write_text("[tool.sftc]\nexit-zero = true\n")
    assert lint("../wrong.sft.toml")[0] == 0


@pytest.mark.parametrize(
    "table",
    [
        "[tool.sftc]\nignored = []\n",
        "[tool]\nsftc = 1\n",
        '[tool.sftc]\nformat = "yaml"\n',
        "[tool.sftc]\nfix = 2\n",
        '[tool.sftc]\nselect = "unknown-key"\n',
        f"x = {'[' * 5000}",
        "[tool.sftc]\nselect = [1]\n",
        '[tool.sftc]\nignore = ["no-such-rule"]\n',
        "a =",
    ],
)
def test_wrong_options_in_pyproject_are_wrong_usage(lint: Program, folder: Path, table: str) -> None:
    (folder / "pyproject.toml").write_text(table)
    code, report, errors = lint("good.sft.toml")
    assert (code, report) == (2, "")
    assert "Traceback" not in errors
    assert "pyproject.toml: " in errors or "in pyproject.toml sets" in errors


@pytest.mark.parametrize("format", ["json", "github", "gitlab", "sarif", "junit"])
def test_every_format_reports_on_stdout(lint: Program, format: str) -> None:
    code, report, errors = lint(".", "--format", format)
    assert (code, errors) == (1, "")
    assert "wrong.sft.toml" in report
    if format == "junit":
        assert '<testsuite name="sftc lint" tests="4" failures="2" errors="0">' in report
    elif format != "github":
        assert json.loads(report)
