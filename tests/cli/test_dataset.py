"""`sftc dataset check`: which files and rows it reads, and when it fails."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from support.program import Dataset
from support.training_files import BROKEN, CONFIG, GOOD, UNANSWERED, compressed, digest, row

FIVE_A_STEP = CONFIG + "\n[hyperparameters]\nglobal_batch = 5\n"


FILES = {
    "good.jsonl": GOOD,
    "unanswered.jsonl": UNANSWERED,
    "broken.jsonl": GOOD + BROKEN,
    "config.toml": FIVE_A_STEP,
}


def no_findings(path: str, text: str) -> str:
    return f"{path}: no findings in {text.count('messages')} rows, {len(text)} bytes, {digest(text)}\n"


def test_check_fails_on_errors_and_warnings_but_not_on_notes(dataset: Dataset) -> None:
    assert dataset("check", "good.jsonl") == (0, no_findings("good.jsonl", GOOD), "")
    code, report, errors = dataset("check", "good.jsonl", "--config", "config.toml")
    assert (code, errors) == (0, "")
    assert "note[steps]: 10 rows by 5 (global_batch): 2 steps an epoch, 2 in all" in report
    code, report, errors = dataset("check", "unanswered.jsonl")
    assert (code, errors) == (1, "")
    assert report.startswith("unanswered.jsonl:1:14: warning[no-assistant-message]: ")
    code, report, errors = dataset("check", "broken.jsonl")
    assert (code, errors) == (1, "")
    assert report.startswith("broken.jsonl:11:13: error[row-not-json]: ")
    assert report.endswith(f"\nbroken.jsonl: 1 error in 11 rows, 944 bytes, {digest(GOOD + BROKEN)}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a FILE, or a config that names one"),
        (["--config", "nameless.toml"], "name a FILE, or a config that names one"),
        (["good.jsonl", "no*.jsonl"], "no file matches no*.jsonl"),
        (["good.jsonl", "--format", "junit"], "'junit' is not one of"),
        (["good.jsonl", "--max-errors", "-1"], "--max-errors"),
        (["good.jsonl", "--examples", "0"], "--examples"),
        (["good.jsonl", "--jobs", "0"], "--jobs"),
    ],
)
def test_wrong_usage(dataset: Dataset, folder: Path, arguments: list[str], said: str) -> None:
    (folder / "nameless.toml").write_text(CONFIG.replace('data = "good.jsonl"', ""))
    code, report, errors = dataset("check", *arguments)
    assert (code, report) == (2, "")
    assert said in errors


def test_an_unreadable_file_is_an_error_and_the_others_are_checked(dataset: Dataset) -> None:
    reasons = {"absent.jsonl": "No such file", ".": "Is a directory", "/dev/null": "it is a device"}
    for path, reason in reasons.items():
        code, report, errors = dataset("check", path, "good.jsonl")
        assert (code, errors) == (1, "")
        assert report.startswith(f"{path}: error[unreadable-data]: cannot be read: {reason}")
        assert report.endswith(f"\n{path}: 1 error\n{no_findings('good.jsonl', GOOD)}")


def test_files_from_names_and_globs_are_checked_once(dataset: Dataset, folder: Path) -> None:
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/[1].jsonl").write_text(UNANSWERED)
    (folder / "a/b/1.jsonl").write_text(GOOD)
    files = ["unanswered.jsonl", "broken.jsonl", "good.jsonl"]
    assert [*dataset.report("un*.jsonl", "*.jsonl", "good.jsonl")] == files
    assert [*dataset.report("a/**/*.jsonl")] == ["a/b/1.jsonl", "a/b/[1].jsonl"]
    assert [*dataset.report("a/b/[1].jsonl")] == ["a/b/[1].jsonl"]
    assert [*dataset.report("a/b/[12].jsonl")] == ["a/b/1.jsonl"]


def test_stdin_can_be_checked(dataset: Dataset) -> None:
    assert dataset("check", "-", stdin=GOOD.encode()) == (0, no_findings("-", GOOD), "")
    assert dataset.shell("dataset check <(cat good.jsonl) | sed 's/.*: //'")[1] == no_findings("", GOOD)[2:]
    code, report, _ = dataset.shell("dataset check - <&-")
    assert code == 1
    assert report.startswith("-: error[unreadable-data]: cannot be read: standard input is closed\n")


PACKED = {
    "rows.jsonl.gz": gzip.compress(GOOD.encode()),
    "members.jsonl.gz": gzip.compress(GOOD[:700].encode()) + gzip.compress(GOOD[700:].encode()),
    "rows.jsonl.zst": compressed(GOOD.encode()),
    "frames.jsonl.zst": compressed(GOOD[:700].encode()) + compressed(GOOD[700:].encode()),
}


def test_a_compressed_file_is_checked_like_its_contents(dataset: Dataset, folder: Path) -> None:
    for name, data in PACKED.items():
        (folder / name).write_bytes(data)
    files = dataset.report("good.jsonl", *PACKED)
    assert [file["data"] for file in files.values()] == [files["good.jsonl"]["data"]] * 5
    assert dataset("check", "frames.jsonl.zst") == (0, no_findings("frames.jsonl.zst", GOOD), "")


def test_a_damaged_archive_is_an_error(dataset: Dataset, folder: Path) -> None:
    names = []
    for name, data in PACKED.items():
        for number, damaged in enumerate((data[:-3], data[: len(data) // 2], b"gone")):
            names.append(f"{number}-{name}")
            (folder / names[-1]).write_bytes(damaged)
    files = dataset.report(*names)
    assert [*files] == names
    for file in files.values():
        found = {each["id"]: each["message"] for each in file["findings"]}
        assert re.match(r"cannot be read after line \d+: \w", found["damaged-archive"])
    assert dataset("check", names[0])[0] == 1


@pytest.mark.parametrize(("name", "pack"), [("rows.gz", gzip.compress), ("rows.zst", compressed)])
def test_rows_before_the_damage_are_checked(
    dataset: Dataset, folder: Path, name: str, pack: Callable[[bytes], bytes]
) -> None:
    (folder / name).write_bytes(pack((BROKEN + "".join(map(row, range(30_000)))).encode())[:-3])
    [file] = dataset.report(name).values()
    assert [found["id"] for found in file["findings"]] == ["row-not-json", "damaged-archive"]
    assert 10_000 < file["data"]["rows"] <= 30_001


def test_examples_limits_the_check_to_the_first_rows(dataset: Dataset, folder: Path) -> None:
    text = f"\n{row(51)} \n{row(52)}"
    (folder / "rows.jsonl").write_text(text + BROKEN)
    assert dataset("check", "rows.jsonl", "--examples", "2") == (0, no_findings("rows.jsonl", text), "")
    files = dataset.report("rows.jsonl", "broken.jsonl", "--examples", "3")
    assert [file["data"]["rows"] for file in files.values()] == [3, 3]
    assert [len(file["findings"]) for file in files.values()] == [1, 0]
    endless = dataset.shell(f"yes '{row(1).strip()}' 2>&- | dataset check - --examples 3")[1]
    assert endless.endswith(f" in 3 rows, {3 * len(row(1))} bytes, {digest(row(1) * 3)}\n")


def test_reading_stops_at_max_errors_and_other_findings_are_counted(dataset: Dataset, folder: Path) -> None:
    (folder / "rows.jsonl").write_text("".join(f'{{"{number}":\n' for number in range(25)))
    for limit, listed in {"1": 1, "25": 25, "26": 25, "0": 25}.items():
        [file] = dataset.report("rows.jsonl", "--max-errors", limit).values()
        assert (len(file["findings"]), file["data"]["stopped"]) == (listed, limit in {"1", "25"})
    code, report, _ = dataset("check", "rows.jsonl")
    assert code == 1
    assert re.search(r"rows\.jsonl: 20 errors, .*; stopped .*--max-errors", report)
    (folder / "rows.jsonl").write_text("".join(UNANSWERED.replace("2", str(n)) for n in range(25)) + BROKEN)
    [file] = dataset.report("rows.jsonl").values()
    assert (len(file["findings"]), file["data"]["more"]) == (21, {"no-assistant-message": 5})
    [file] = dataset.report("rows.jsonl", "--max-errors", "0").values()
    assert (len(file["findings"]), file["data"]["more"]) == (26, {})


def test_the_report_says_if_reading_stopped_early(dataset: Dataset, folder: Path) -> None:
    (folder / "rows.jsonl").write_text(row(1) * 2 + BROKEN + row(2))
    [file] = dataset.report("rows.jsonl", "--max-errors", "1").values()
    assert [found["id"] for found in file["findings"]] == ["row-not-json", "duplicate-rows"]
    assert file["data"]["stopped"]
    summary = dataset("check", "rows.jsonl", "--max-errors", "1")[1].splitlines()[-1]
    assert "stopped" in summary
    assert "sha256" not in summary


def test_the_config_names_the_files_if_the_command_line_does_not(dataset: Dataset, folder: Path) -> None:
    config = folder / "config.toml"
    assert [*dataset.report("--config", "config.toml")] == ["good.jsonl", "config.toml"]
    config.write_text(f'{FIVE_A_STEP}\n[data]\nvalidation_path = "unanswered.jsonl"\n')
    assert [*dataset.report("--config", "config.toml")] == ["good.jsonl", "unanswered.jsonl", "config.toml"]
    files = dataset.report("broken.jsonl", "--config", "config.toml")
    assert [*files] == ["broken.jsonl", "config.toml"]
    [found] = files["config.toml"]["findings"]
    assert found["message"].startswith("11 rows by 5")
    code, report, errors = dataset("check", "--config", "-", stdin=FIVE_A_STEP.encode())
    assert (code, errors) == (0, "")
    assert report.startswith("<stdin>:9:2: note[steps]: 10 rows by 5 (global_batch)")


def test_a_missing_validation_file_is_one_finding(dataset: Dataset, folder: Path) -> None:
    validation = '[data]\nvalidation_path = "none.jsonl"\n[training.validation]\neval_steps = 1\n'
    (folder / "config.toml").write_text(f"{FIVE_A_STEP}\n{validation}")
    files = dataset.report("--config", "config.toml")
    found = [each["id"] for file in files.values() for each in file["findings"] if each["severity"] != "note"]
    assert ([*files], found) == (["good.jsonl", "config.toml"], ["validation-file-missing"])


def test_an_invalid_config_stops_the_check(dataset: Dataset, folder: Path) -> None:
    (folder / "wrong.toml").write_text('[job]\nmodel = ""\n')
    (folder / "torn.toml").write_text("[job")
    for name, rule in {"wrong": "blank-string", "torn": "toml-syntax", "absent": "unreadable-file"}.items():
        code, report, errors = dataset("check", "good.jsonl", "--config", f"{name}.toml")
        assert (code, report) == (1, "")
        assert f"error[{rule}]: " in errors
        assert "Traceback" not in errors


@pytest.mark.parametrize("flags", [["--examples", "3"], ["--max-errors", "1"], []])
def test_steps_are_reported_only_for_a_file_that_was_read_completely(
    dataset: Dataset, folder: Path, flags: list[str]
) -> None:
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress("".join(map(row, range(30_000))).encode())[:-3])
    name = "broken.jsonl" if "--max-errors" in flags else "good.jsonl" if flags else "cut.jsonl.gz"
    files = dataset.report(name, *flags, "--config", "config.toml")
    assert files[name]["data"]["rows"] > 0
    assert files["config.toml"]["findings"] == []


@pytest.mark.parametrize("name", ["-", "config.toml"])
def test_a_config_passed_as_a_training_file_is_an_error(dataset: Dataset, name: str) -> None:
    code, report, errors = dataset("check", name, "--config", name, stdin=FIVE_A_STEP.encode())
    assert code in {1, 2}
    assert ("error[" in report) == (code == 1)
    assert ("Usage: " in errors) == (code == 2)


def test_a_file_with_several_paths_is_checked_once(dataset: Dataset) -> None:
    Path("a.jsonl").write_text(GOOD)
    code, out, _ = dataset("check", "a.jsonl", "./a.jsonl", str(Path("a.jsonl").absolute()))
    assert (code, out.count("no findings")) == (0, 1)
