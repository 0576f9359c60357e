"""`sftc dataset stats` and `sftc dataset head`."""

import gzip
import json
import os
import stat
import struct
from pathlib import Path
from typing import Any

import pytest
import xmlschema

from support.program import Dataset
from support.training_files import BROKEN, GOOD, compressed, row

TALK = [
    {"messages": [{"role": "user", "content": "abcd"}, {"role": "assistant", "content": "efgh"}]},
    {
        "messages": [
            {"role": "system", "content": "ab"},
            {"role": "user", "content": "漢字"},
            {"role": "assistant", "content": None, "tool_calls": [{"name": "f"}, {"name": "g"}]},
            {"role": "tool", "content": "да"},
            {"role": "assistant", "content": "ok!"},
        ],
        "tools": [{"name": "f"}, {"name": "g"}],
    },
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image", "image": "a"}]},
            {"role": "assistant", "content": "😀"},
        ],
        "tools": [],
    },
    {"messages": [{"role": "user", "content": "x" * 2000}, {"role": "assistant", "content": "y" * 346}]},
]
"""Rows with 8, 9 (in 15 bytes), 4 (in 7) and 2,346 characters of text."""


LINES = [*(json.dumps(each, ensure_ascii=False) for each in TALK), "", '{"messages": []}', "{"]
pytestmark = pytest.mark.measured
FILES = {"talk.jsonl": "\n".join(LINES), "good.jsonl": GOOD}


def figures(dataset: Dataset, *arguments: str, stdin: bytes = b"") -> Any:
    code, report, errors = dataset("stats", *arguments, "--format", "json", stdin=stdin)
    assert (code, errors) == (0, "")
    return json.loads(report)


def spread(*numbers: int) -> dict[str, int]:
    return dict(zip(("0", "25", "50", "75", "95", "99", "100"), numbers, strict=True))


def test_the_statistics_match_the_rows(dataset: Dataset) -> None:
    assert figures(dataset, "talk.jsonl") == {
        "version": 1,
        "files": [
            {
                "path": "talk.jsonl",
                "rows": 6,
                "rows_not_read": 2,
                "messages": {"user": 4, "assistant": 5, "system": 1, "tool": 1},
                "estimated_tokens": 2 + 4 + 2 + 587,
                "rows_with_tools": 1,
                "tool_calls": 2,
                "images": 1,
                "scripts": {"Latin": 8 + 2 + 2 + 3 + 2346, "Han": 2, "Cyrillic": 2, "emoji": 1},
                "percentiles": {
                    "turns": spread(1, 1, 1, 1, 2, 2, 2),
                    "characters": spread(4, 4, 8, 9, 2340, 2340, 2340),
                    "estimated_tokens": spread(2, 2, 2, 4, 587, 587, 587),
                },
            }
        ],
    }


def test_percentiles_are_values_of_actual_rows(dataset: Dataset) -> None:
    rows = [row(1).replace("1 + 1?", "x" * length).replace('"2"', '""') for length in range(1, 201)]
    [file] = figures(dataset, "-", stdin="".join(rows).encode())["files"]
    assert file["percentiles"]["characters"] == spread(1, 50, 100, 150, 190, 198, 200)
    assert file["percentiles"]["estimated_tokens"] == spread(1, 13, 25, 38, 48, 50, 50)
    assert file["percentiles"]["turns"] == spread(*[1] * 7)


def test_the_table_shows_the_same_statistics(dataset: Dataset) -> None:
    code, table, errors = dataset("stats", "talk.jsonl")
    assert (code, errors) == (0, "")
    assert [" ".join(line.split()) for line in table.splitlines()] == [
        "talk.jsonl",
        "",
        "rows 6 2 of them not read: `sftc dataset check`",
        "messages 11",
        "assistant 5 45.5%",
        "user 4 36.4%",
        "system 1 9.1%",
        "tool 1 9.1%",
        "tokens, estimated 595 UTF-8 bytes / 4",
        "rows with tools 1",
        "tool calls 2",
        "images 1",
        "Latin letters 2,361 99.8%",
        "Cyrillic letters 2 0.1%",
        "Han letters 2 0.1%",
        "emoji 1 0.0%",
        "",
        "per row min 25 % median 75 % 95 % 99 % max",
        "turns of the assistant 1 1 1 1 2 2 2",
        "characters 4 4 8 9 2,340 2,340 2,340",
        "tokens, estimated 2 2 2 4 587 587 587",
    ]


def test_each_file_has_its_own_statistics(dataset: Dataset) -> None:
    Path("good.jsonl.gz").write_bytes(gzip.compress(GOOD.encode()))
    Path("good.jsonl.zst").write_bytes(compressed(GOOD.encode()))
    Path("empty.jsonl").touch()
    files = figures(dataset, "talk.jsonl", "good.jsonl*", "-", "empty.jsonl", stdin=GOOD.encode())["files"]
    names = ["talk.jsonl", "good.jsonl", "good.jsonl.gz", "good.jsonl.zst", "-", "empty.jsonl"]
    assert [file.pop("path") for file in files] == names
    assert files[1] == files[2] == files[3] == files[4]
    assert (files[1]["rows"], files[5]["rows"], files[5]["percentiles"]["turns"]) == (10, 0, {})
    assert "\n\ngood.jsonl\n\nrows " in dataset("stats", "talk.jsonl", "good.jsonl")[1]


def test_statistics_are_plotted(dataset: Dataset) -> None:
    Path("empty.jsonl").touch()
    for name in ("one.svg", "again.svg"):
        code, table, errors = dataset("stats", "talk.jsonl", "--plot", name)
        assert (code, table, errors) == (0, dataset("stats", "talk.jsonl")[1], "")
    svg = Path("one.svg").read_bytes()
    assert svg == Path("again.svg").read_bytes()
    drawing = xmlschema.XMLResource(svg.decode(), defuse="never").root
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert drawing.get("width") == "792pt"
    assert dataset("stats", "talk.jsonl", "empty.jsonl", "--plot", "new/two.png")[::2] == (0, "")
    png = Path("new/two.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB\x60\x82")
    assert struct.unpack(">II", png[16:24]) == (1540, 1232)


def test_odd_names_and_roles_can_be_plotted(dataset: Dataset) -> None:
    names = ["$\\x$.jsonl", "漢字.jsonl", os.fsdecode(b"\xff.jsonl"), "\x1b[31m\n"]
    for name in names:
        role = json.dumps(name.encode("utf-8", "replace").decode())
        Path(name).write_text(GOOD + GOOD.replace('"user"', role))
    code, table, errors = dataset("stats", *names, "--plot", "odd.svg")
    assert (code, errors) == (0, "")
    assert table.replace("\n", "").isprintable()
    assert Path("odd.svg").exists()


@pytest.mark.parametrize("picture", ["talk.pdf", "talk", "", "-"])
def test_plots_are_only_svg_or_png(dataset: Dataset, picture: str) -> None:
    before = sorted(Path().iterdir())
    code, report, errors = dataset("stats", "talk.jsonl", "--plot", picture)
    assert (code, report) == (2, "")
    assert "--plot writes .svg or .png" in errors
    assert sorted(Path().iterdir()) == before


def test_a_plot_that_cannot_be_written_is_an_error(dataset: Dataset) -> None:
    code, _, errors = dataset("stats", "talk.jsonl", "--plot", "/proc/nothing/a.svg")
    assert code == 1
    assert errors.startswith("/proc/nothing/a.svg: error[unwritable-output]: ")


@pytest.mark.parametrize("command", ["stats", "head"])
def test_an_unreadable_or_damaged_file_is_a_one_line_error(dataset: Dataset, command: str) -> None:
    data = "".join(map(row, range(20_000))).encode()
    Path("cut.jsonl.gz").write_bytes(gzip.compress(data)[:-3])
    Path("torn\n.jsonl.zst").write_bytes(compressed(data)[:-3])
    Path("plain.jsonl.gz").write_bytes(GOOD.encode())
    number = ["-n", "20000"] if command == "head" else []
    for name in ("cut.jsonl.gz", "torn\n.jsonl.zst", "plain.jsonl.gz", "absent.jsonl"):
        code, report, errors = dataset(command, name, *number)
        assert (code, report == "" or command == "head") == (1, True)
        assert errors.count("\n") == 1
        assert ("cannot be read" in errors) == (name != "plain.jsonl.gz")
        assert ("is named `.gz`, but it is JSON Lines" in errors) == (name == "plain.jsonl.gz")


def test_head_writes_the_first_rows_byte_for_byte(dataset: Dataset) -> None:
    data = b'\n{"a":\xff}\r\n \n' + GOOD.encode() + b"\n" + BROKEN.encode()
    Path("rows.jsonl").write_bytes(data)
    Path("rows.jsonl.gz").write_bytes(gzip.compress(data))
    lines = data.splitlines(keepends=True)
    for number, count in {1: 2, 2: 4, 11: 13, 12: len(lines), 13: len(lines)}.items():
        name = "rows.jsonl.gz" if number % 2 else "rows.jsonl"
        assert dataset("head", name, "-n", str(number), "-o", "out.jsonl") == (0, "", "")
        assert Path("out.jsonl").read_bytes() == b"".join(lines[:count])
    assert dataset("head", "good.jsonl") == (0, GOOD, "")
    assert dataset("head", "-", "-n", "1", stdin=b"last") == (0, "last", "")
    assert dataset("head", "-", "-n", "3", "-o", "-", stdin=GOOD.encode()) == (
        0,
        "".join(map(row, range(3))),
        "",
    )


def test_head_does_not_read_the_rest(dataset: Dataset) -> None:
    assert dataset.shell("yes '{}' 2>&- | { dataset head - -n 3; }")[1] == "{}\n" * 3


def test_the_output_file_is_replaced_atomically(dataset: Dataset) -> None:
    Path("real.jsonl").write_text("before\n" * 1000)
    Path("real.jsonl").chmod(0o640)
    Path("link.jsonl").symlink_to("real.jsonl")
    assert dataset("head", "good.jsonl", "-n", "1", "-o", "link.jsonl") == (0, "", "")
    assert Path("link.jsonl").is_symlink()
    assert Path("real.jsonl").read_text() == row(0)
    assert stat.S_IMODE(Path("real.jsonl").stat().st_mode) == 0o640
    assert dataset("head", "good.jsonl", "-n", "1", "-o", "new/folder/out.jsonl") == (0, "", "")
    assert [*Path("new").rglob("*.jsonl")] == [Path("new/folder/out.jsonl")]


@pytest.mark.parametrize("output", ["good.jsonl", "./new/../good.jsonl", "link.jsonl", "hard.jsonl"])
def test_head_does_not_overwrite_its_input(dataset: Dataset, output: str) -> None:
    Path("new").mkdir()
    Path("link.jsonl").symlink_to("good.jsonl")
    Path("hard.jsonl").hardlink_to("good.jsonl")
    code, out, errors = dataset("head", "good.jsonl", "-n", "1", "-o", output)
    assert Path("good.jsonl").read_text() == GOOD
    if output != "hard.jsonl":
        assert (code, out) == (2, "")
        assert "would overwrite" in errors


def test_a_damaged_file_does_not_change_the_output(dataset: Dataset) -> None:
    data = "".join(map(row, range(20_000))).encode()
    Path("cut.jsonl.gz").write_bytes(gzip.compress(data)[:-3])
    Path("old.jsonl").write_text("before")
    before = sorted(Path().iterdir())
    for source in ("cut.jsonl.gz", "absent.jsonl"):
        for output in ("new.jsonl", "old.jsonl"):
            code, out, errors = dataset("head", source, "-n", "20000", "-o", output)
            assert (code, out) == (1, "")
            assert f"{source} cannot be read" in errors
    assert sorted(Path().iterdir()) == before
    assert Path("old.jsonl").read_text() == "before"
    assert dataset("head", "cut.jsonl.gz", "-n", "10", "-o", "new.jsonl") == (0, "", "")
    assert Path("new.jsonl").read_text() == GOOD
