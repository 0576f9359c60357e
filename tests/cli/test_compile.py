"""`sftc compile` with real processes, pipes and files."""

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sftc.checks.catalogue import RULES
from support.environment import unmeasured
from support.program import Program

JOB = '[job]\nmodel = "m"\n\n[compute]\ngpu_type = "H100"\n'
WARNED = JOB + "gpu_cout = 1\n"
WRONG = '[job]\nmodel = ""\n'


pytestmark = pytest.mark.measured
FILES = {"good.toml": JOB, "warned.toml": WARNED, "wrong.toml": WRONG}


def test_only_the_payload_goes_to_stdout(sftc: Program) -> None:
    code, payload, errors = sftc("compile", "good.toml")
    assert (code, errors) == (0, "")
    assert json.loads(payload)["model"] == "m"
    assert sftc("compile", "-", stdin=JOB.encode()) == (0, payload, "")
    code, same, errors = sftc("compile", "warned.toml")
    assert (code, same) == (0, payload)
    assert errors.endswith("\n1 warning\n")


def test_an_error_stops_the_compilation(sftc: Program) -> None:
    code, payload, errors = sftc("compile", "wrong.toml")
    assert (code, payload) == (1, "")
    assert "\nwrong.toml:2:9: error[blank-string]: `job.model` is blank\n" in errors
    assert errors.endswith("\n1 error, 1 warning; no payload\n")
    assert "\n<stdin>:2:9: " in sftc("compile", "-", stdin=WRONG.encode())[2]


def test_strict_treats_warnings_as_errors(sftc: Program) -> None:
    assert sftc("compile", "good.toml", "--strict")[0] == 0
    code, payload, errors = sftc("compile", "warned.toml", "--strict")
    assert (code, payload) == (1, "")
    assert errors.endswith("\n1 warning; no payload, because of --strict\n")


def test_the_digest_goes_to_stderr(sftc: Program) -> None:
    code, payload, errors = sftc("compile", "good.toml", "--digest", "--format", "jcs")
    assert code == 0
    checked = subprocess.run(["sha256sum"], input=payload.encode(), capture_output=True, check=True)
    assert errors == f"sha256:{checked.stdout.decode().split()[0]}  good.toml\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compile"], "Missing argument 'CONFIG...'"),
        (["compile", "good.toml", "wrong.toml"], "several configs need --output-dir"),
        (["compile", "good.toml", "sub/good.toml", "--output-dir", "out"], "the same file"),
        (["compile", "good.toml", "-o", "a", "--output-dir", "b"], "not both"),
        (["compile", "good.toml", "--set", "n_epochs"], "not of the form KEY=VALUE"),
        (["compile", "good.toml", "--set", "a b=1"], "not a dotted TOML key"),
        (["compile", "good.toml", "--format", "yaml"], "--format takes pretty, compact, jcs"),
        (["compile", "-", "-", "--output-dir", "out"], "the same file"),
        (["compile", "good.toml", "-o", "good.toml"], "would be overwritten"),
        (["compile", "good.toml", "-o", "./sub/../good.toml"], "would be overwritten"),
        (["compile", "good.toml", "-o", ""], "the name of the output is empty"),
        (["compile", "good.toml", "--output-dir", ""], "the name of the output is empty"),
        (["rule", "no-such-rule"], "no-such-rule"),
        (["rule", ""], "no rule ''"),
        (["explain", "good.toml", ""], "'' is not a key of good.toml"),
        (["explain", "good.toml", "lr"], "into its payload: did you mean `hyperparameters.learning_rate`?"),
        (["explain", "good.toml", "a.learning_rate"], "did you mean `hyperparameters.learning_rate`?"),
        (["diff", "-", "-"], "stdin cannot be both configs"),
        (["estimate", "good.toml", "--price-per-hour", "nan"], "nan is not a finite number"),
        (["jobs", "follow", "job-1", "--poll-timeout", "nan"], "nan is not a finite number"),
        (["jobs", "follow", "job-1", "--poll-interval", "inf"], "inf is not a finite number"),
        (["jobs", "list", "--backend", ""], "the given URL of the service is empty"),
        (["jobs", "list", "--env-file", "none"], "none cannot be read: No such file or directory."),
        (["no-such-command"], "No such command"),
        (["complie"], "no command 'complie'; did you mean 'compile'?"),
        (["dataset", "chek"], "no command 'chek'; did you mean 'check'?"),
    ],
)
def test_wrong_usage(sftc: Program, arguments: list[str], said: str) -> None:
    code, payload, errors = sftc(*arguments)
    assert (code, payload) == (2, "")
    assert said in errors
    assert not Path("out").exists()


def test_payloads_are_written_to_files(sftc: Program, folder: Path) -> None:
    payload = sftc("compile", "good.toml")[1]
    assert sftc("compile", "good.toml", "warned.toml", "--output-dir", "out/deep")[:2] == (0, "")
    assert {path.name: path.read_text() for path in (folder / "out/deep").iterdir()} == {
        "good.json": payload,
        "warned.json": payload,
    }
    assert sftc("compile", "good.toml", "-o", "one.json") == (0, "", "")
    assert (folder / "one.json").read_text() == payload


def test_devices_and_pipes_are_written_directly(sftc: Program) -> None:
    payload = sftc("compile", "good.toml")[1]
    for target in ("-", "/dev/stdout", ">(cat)", "/dev/stderr"):
        code, out, errors = sftc.shell(f"sftc compile good.toml -o {target} | cat")
        assert (code, out + errors) == (0, payload)


def test_two_outputs_that_are_the_same_file_are_refused(sftc: Program, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/good.json").symlink_to("warned.json")
    code, _, errors = sftc("compile", "good.toml", "warned.toml", "--output-dir", "out")
    assert (code, "the same file" in errors) == (2, True)


def test_a_closed_stdin_is_an_error(sftc: Program) -> None:
    code, _, errors = sftc.shell("sftc compile - <&-")
    assert code == 1
    assert "-: error[unreadable-file]: cannot be read: standard input is closed" in errors


@pytest.mark.parametrize("arguments", ["rule", "rule unknown-key", "--version", "--help", "lint good.toml"])
def test_a_full_disk_is_an_error_for_every_command(sftc: Program, arguments: str) -> None:
    code, _, errors = sftc.shell(f"sftc {arguments} > /dev/full")
    assert code == 1
    assert "No space left on device" in errors
    assert "fault" not in errors


def test_one_invalid_config_prevents_all_output(sftc: Program, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/good.json").write_text("before")
    code, _, errors = sftc("compile", "good.toml", "wrong.toml", "--output-dir", "out")
    assert code == 1
    assert "wrong.toml:2:9" in errors
    assert {path.name: path.read_text() for path in (folder / "out").iterdir()} == {"good.json": "before"}


def test_an_output_file_keeps_its_mode_and_symlink(sftc: Program, folder: Path) -> None:
    (folder / "real.json").write_text("before")
    (folder / "real.json").chmod(0o640)
    (folder / "link.json").symlink_to("real.json")
    assert sftc("compile", "good.toml", "-o", "link.json")[0] == 0
    assert (folder / "link.json").is_symlink()
    assert json.loads((folder / "real.json").read_bytes())["model"] == "m"
    assert stat.S_IMODE((folder / "real.json").stat().st_mode) == 0o640


def test_a_new_output_file_follows_the_umask(sftc: Program, folder: Path) -> None:
    assert sftc.shell("umask 027; sftc compile good.toml -o new.json")[0] == 0
    assert stat.S_IMODE((folder / "new.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("target", ["/dev/full", "/proc/nothing/payload.json", "good.toml/payload.json", "."])
def test_output_that_cannot_be_written_is_an_error(sftc: Program, folder: Path, target: str) -> None:
    code, _, errors = sftc("compile", "good.toml", "-o", target)
    assert code == 1
    assert re.match(r".*: error\[unwritable-output\]: cannot be written: ", errors)
    assert "Traceback" not in errors
    assert sorted(path.name for path in folder.iterdir()) == ["good.toml", "warned.toml", "wrong.toml"]


@pytest.mark.parametrize("where", ["good.toml", "good.toml/deep"])
def test_a_file_where_a_folder_has_to_be_is_named(sftc: Program, folder: Path, where: str) -> None:
    code, out, errors = sftc("compile", "good.toml", "--output-dir", where)
    assert (code, out) == (1, "")
    assert f"cannot be written: {folder / 'good.toml'} is a file, not a folder" in errors


def test_a_disk_that_fills_up_leaves_the_old_file(sftc: Program, folder: Path) -> None:
    (folder / "payload.json").write_text("before")
    code, _, errors = sftc.shell(
        "trap '' XFSZ; ulimit -f 0; sftc compile good.toml -o payload.json 2>&1 | cat >&2"
    )
    assert code == 1
    assert "payload.json: error[unwritable-output]: cannot be written: File too large" in errors
    assert (folder / "payload.json").read_text() == "before"
    assert sorted(path.name for path in folder.iterdir()) == [
        "good.toml", "payload.json", "warned.toml", "wrong.toml",
    ]  # fmt: skip


def test_a_full_or_closed_stdout_is_an_error(sftc: Program) -> None:
    for redirection in ("> /dev/full", ">&-"):
        code, _, errors = sftc.shell(f"sftc compile good.toml {redirection}")
        assert code == 1
        assert "<stdout>: error[unwritable-output]" in errors
        assert "Traceback" not in errors


def test_a_closed_pipe_ends_the_command_silently(sftc: Program, closed_pipe: int) -> None:
    command = [sftc.path, "compile", "good.toml"]
    run = subprocess.run(command, stdout=closed_pipe, stderr=subprocess.PIPE, check=False)
    assert (run.returncode, run.stderr) == (141, b"")


@pytest.mark.parametrize("arguments", ["compile wrong.toml", "compile warned.toml", "compile", "chat none"])
def test_a_closed_stderr_ends_the_command_silently(sftc: Program, closed_pipe: int, arguments: str) -> None:
    command = [sftc.path, *arguments.split()]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=closed_pipe, check=False)
    assert (run.returncode, run.stdout) == (141, b"")


def on_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    main, terminal = pty.openpty()
    subprocess.run(
        command, stderr=terminal, stdout=subprocess.DEVNULL, env=os.environ | environment, check=False
    )
    os.close(terminal)
    output = b""
    try:
        while chunk := os.read(main, 65536):
            output += chunk
    except OSError:  # the other end is closed
        pass
    os.close(main)
    return output.decode()


def test_colors_are_used_only_on_a_terminal(sftc: Program) -> None:
    command = [sftc.path, "compile", "wrong.toml"]
    assert "\x1b[31m" in on_a_terminal(command, {})
    assert "\x1b[" not in on_a_terminal(command, {"NO_COLOR": "1"})
    assert "\x1b[" not in on_a_terminal([*command, "--color", "never"], {})
    assert "\x1b[31m" in on_a_terminal([*command, "--color", "always"], {"NO_COLOR": "1"})
    assert "\x1b[" not in sftc("compile", "wrong.toml")[2]
    assert "\x1b[31m" in sftc("compile", "wrong.toml", "--color", "always")[2]


def test_a_locale_without_utf8_changes_nothing(sftc_program: str) -> None:
    config = JOB + '[training]\nmode = "é漢"\n"schlüssel" = 1\n'
    outputs = [
        subprocess.run(
            [sftc_program, "compile", "-"],
            input=config.encode(),
            capture_output=True,
            check=True,
            env={"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        )
        for locale in ("C", "C.UTF-8")
    ]
    assert outputs[0].stdout == outputs[1].stdout
    assert "é漢" in outputs[0].stdout.decode()
    assert all(b"unknown-key" in output.stderr for output in outputs)


def test_a_valid_config_needs_neither_jsonschema_nor_tomlkit() -> None:
    program = (
        "import sys; from sftc.cli.main import cli; cli(['compile', 'good.toml'], standalone_mode=False);"
        "costly = {'jsonschema', 'tomlkit', 'rfc8785', 'referencing', 'importlib.resources', 'pathlib'};"
        "print(sorted(costly & sys.modules.keys()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=unmeasured()
    )
    assert run.stdout.endswith("}\n[]\n")


def test_help_and_version(sftc: Program) -> None:
    from sftc import __version__

    assert sftc("--version") == (0, f"sftc {__version__}\n", "")
    code, text, _ = sftc("compile", "--help")
    assert code == 0
    assert all(flag in text for flag in ("--set", "--format", "--digest", "--strict", "--output-dir"))
    module = subprocess.run(
        [sys.executable, "-m", "sftc", "--version"], capture_output=True, text=True, check=True
    )
    assert module.stdout == f"sftc {__version__}\n"


def test_rules_are_listed_and_explained(sftc: Program) -> None:
    code, listed, _ = sftc("rule")
    assert code == 0
    assert "unknown-key" in listed
    code, page, _ = sftc("rule", "missing-gpu-type")
    assert code == 0
    assert page.startswith("missing-gpu-type (warning): ")


def test_rules_are_data_for_programs(sftc: Program) -> None:
    listed = json.loads(sftc("rule", "--format", "json")[1])
    assert [each["id"] for each in listed["rules"]] == [*RULES]
    [rule] = json.loads(sftc("rule", "missing-gpu-type", "--format", "json")[1])["rules"]
    assert rule == {**RULES["missing-gpu-type"]._asdict()}
