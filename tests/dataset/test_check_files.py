"""Checks of training files: independent of chunks, processes and compression; no file raises."""

import gzip
import hashlib
import itertools
import json
import multiprocessing
import os
import random
import re
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sftc.dataset.check_files import Checked, CheckOptions, check_files
from sftc.dataset.chunks import Bounds, Chunk
from sftc.dataset.examine_row import locate, remarks
from sftc.dataset.excerpt import Line
from sftc.dataset.file_kind import kind_of
from sftc.dataset.inspect_chunk import Inspector, Limits
from sftc.findings.finding import Finding
from sftc.report.json import render as as_json
from sftc.report.terminal import render as as_text
from support.golden import GOLDEN

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Python warns about forking with threads, and pytest-xdist has threads.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

Put = Callable[..., str]
BLANK, BOM = b" \t\r\n", b"\xef\xbb\xbf"
ALL = CheckOptions(max_errors=0)
NO_BOUNDS: Mapping[str, Any] = {}
DICE = random.Random(1)  # noqa: S311  not a secret


@pytest.fixture(scope="module")
def put(tmp_path_factory: pytest.TempPathFactory) -> Put:
    """Return a function that writes a file and returns its path."""
    folder = tmp_path_factory.mktemp("files")

    def write(data: bytes, name: str = "a.jsonl") -> str:
        (folder / name).write_bytes(data)
        return str(folder / name)

    return write


def row(text: object = "a", **more: object) -> bytes:
    talk = [{"role": "user", "content": f"{text}"}, {"role": "assistant", "content": "b"}]
    return json.dumps({"messages": talk, **more}).encode() + b"\n"


def run(
    *paths: str, options: CheckOptions = ALL, bounds: Mapping[str, Any] = NO_BOUNDS, **more: Any
) -> list[Checked]:
    """Check files within `bounds`."""
    return check_files(paths, options._replace(bounds=Bounds(**bounds)), **more)


def one(path: str, options: CheckOptions = ALL, **more: Any) -> Checked:
    return run(path, options=options, **more)[0]


def test_a_weight_beyond_the_range_of_readers_is_one_finding(put: Put) -> None:
    said = '{"role": "assistant", "content": "b", "weight": 1e400}'
    [checked] = check_files(
        [put(f'{{"messages": [{{"role": "user", "content": "a"}}, {said}]}}\n'.encode())], ALL
    )
    assert ids(checked) == ["number-beyond-range"]


@pytest.mark.parametrize("number", ["1e400", "-1e999", "9" * 400, "1" + "0" * 309 + ".5"])
@pytest.mark.parametrize("depth", [1, 70])
def test_a_number_that_readers_refuse_is_named(put: Put, number: str, depth: int) -> None:
    talk = '"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'
    nested = '{"a": ' * depth + "%s" + "}" * depth
    lines = [f'{{{talk}, "metadata": {nested % each}}}\n' for each in ("1e300", "9" * 300, "1e-400", number)]
    [checked] = check_files([put("".join(lines).encode())], ALL)
    [found] = [each for each in checked.findings if each.id != "duplicate-rows"]
    assert (found.id, found.span.line) == ("number-beyond-range", 4)


def ids(checked: Checked) -> list[str]:
    return [found.id for found in checked.findings]


def messages(checked: Checked) -> list[tuple[str, str]]:
    return [(found.id, found.message) for found in checked.findings]


def told(found: Finding) -> tuple[object, ...]:
    span = found.span
    return *found[:3], *found[4:], span.line, span.column, span.end, span.source.text, span.source.byte


def about_rows(checked: Checked) -> list[Finding]:
    return [found for found in checked.findings if found.span.source.byte is not None]


def facts(checked: Checked) -> tuple[object, ...]:
    whole = checked.rows, checked.length, checked.digest, checked.stopped
    return [*map(told, checked.findings)], checked.more, *whole


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def count(data: bytes) -> int:
    return sum(bool(line.strip(BLANK)) for line in data.removeprefix(BOM).split(b"\n"))


def first_rows(data: bytes, number: int) -> bytes:
    """Return `data` up to the row of that number, and its line break."""
    ends = [at + 1 for at, byte in enumerate(data) if byte == ord("\n")]
    return next((data[:end] for end in ends if count(data[:end]) == number), data)


def are_rows(data: bytes) -> bool:
    """Return whether a file may be JSON Lines: of one of another kind, no row is looked at."""
    return kind_of(data) is None


ERRORS = [b'{"tools": 5, "messages": 5}', b'{"messages": [{"content": 5, "role": 5}]}', b"{}", b"{'a': 1}"]
OTHERS = [
    b'{"messages": [{"role": "user", "content": "a"}]}',
    b'{"messages": [{"content": "<s>", "role": "bot"}, {"role": "assistant", "content": " "}]}',
    b'{"a": 1, "a": 2, "\\ud800": "\\u0000"}',
    *(
        b'"\xff"',
        b"\x00",
        b"",
        b" ",
        b"\t\r",
        "é \u3000".encode(),
        b" " + row()[:-1],
        row("c" * 90, id=1)[:-1],
    ),
]
lines = st.sampled_from(ERRORS + OTHERS) | st.text(max_size=3).map(row).map(bytes.strip)
breaks = st.sampled_from([b"\n", b"\n", b"\r\n"])
data_of_files = st.builds(
    lambda mark, pairs, last: b"".join([mark, *itertools.chain(*pairs), last]),
    st.sampled_from([b"", b"", b"", BOM]),
    st.lists(st.tuples(lines, breaks), max_size=9),
    st.just(b"") | lines,
).filter(are_rows)
limits, tokens = st.sampled_from([0, 1, 2, 3, 20]), st.sampled_from([None, 1, 4])
some_options = st.builds(
    CheckOptions, limits, st.none() | st.integers(1, 6), tokens, st.just(1), second=st.none()
)


def hold(data: bytes, options: CheckOptions, checked: Checked, other: Checked) -> None:
    """Compare two results for `data` with each other and with a simple reference check."""
    for each in (checked, other):
        assert each.digest == ("" if each.stopped else digest(data[: each.length]))
        assert each.rows == count(data[: each.length])
        for found in about_rows(each):
            assert found.span.line == data.count(b"\n", 0, found.span.source.byte) + 1
    assert [*map(told, about_rows(checked))] == [*map(told, about_rows(other))]
    assert checked.stopped == other.stopped
    if not checked.stopped:
        assert facts(checked) == facts(other)
        wanted = first_rows(data, options.examples) if options.examples else data
        assert checked.length == len(wanted)
        bare = [line.strip(BLANK) for line in wanted.removeprefix(BOM).split(b"\n")]
        said = Counter(remark.rule.id for line in bare if line for remark in remarks(line, options.tokens))
        said["data-byte-order-mark"] = int(wanted.startswith(BOM))
        shown = Counter(found.id for found in about_rows(checked))
        assert {id: shown[id] + checked.more[id] for id in said} == said


@given(data=data_of_files, options=some_options, size=st.integers(1, 300))
def test_findings_do_not_depend_on_the_chunk_size(
    put: Put, data: bytes, options: CheckOptions, size: int
) -> None:
    path = put(data)
    hold(data, options, one(path, options), one(path, options, bounds={"chunk": size}))


@settings(max_examples=10, phases=[Phase.generate])  # shrinking would start thousands of processes
@given(
    data=st.lists(data_of_files, min_size=20, max_size=20).map(b"\n".join).filter(are_rows),
    options=some_options,
)
def test_findings_do_not_depend_on_the_number_of_processes(
    put: Put, data: bytes, options: CheckOptions
) -> None:
    path = put(data)
    many = one(path, options._replace(jobs=3), bounds={"chunk": 200, "alone": 1, "patience": 0})
    hold(data, options, one(path, options, bounds={"chunk": 200}), many)


@pytest.mark.parametrize("errors", [0, 1], ids=["whole", "stopped"])
def test_no_thread_is_left(put: Put, errors: int) -> None:
    data = b"".join(map(row, range(500))) + b"{}\n" + b"".join(map(row, range(500, 1000)))
    before = threading.active_count()
    checked = one(put(data), CheckOptions(errors, jobs=2), bounds={"chunk": 200, "alone": 1, "patience": 9})
    assert checked.digest == ("" if errors else digest(data))
    assert threading.active_count() == before


@pytest.mark.parametrize(("patience", "processes"), [(0, 2), (9, 0)])
def test_quick_work_starts_no_other_process(put: Put, patience: int, processes: int) -> None:
    seen: set[int | None] = set()

    def count(path: str, done: int, size: int | None) -> None:
        seen.update(child.pid for child in multiprocessing.active_children())

    bounds = {"chunk": 200, "alone": 1, "patience": patience}
    one(put(b"".join(map(row, range(500)))), CheckOptions(jobs=3), bounds=bounds, on_read=count)
    assert len(seen) == processes


def test_findings_are_reported_in_order_and_progress_never_decreases(put: Put) -> None:
    data = b"\n".join(DICE.choices([row()[:-1], *ERRORS, *OTHERS], k=200))
    tells: list[Finding] = []
    steps: list[tuple[int, int]] = []
    checked = one(
        put(data),
        bounds={"chunk": 500},
        on_finding=lambda _, found: tells.append(found),
        on_read=lambda _, *done: steps.append(done),
    )
    assert tells == [*checked.findings]
    assert len(steps) > 10
    assert steps == sorted(steps)
    assert steps[-1] == (len(data), len(data))
    lines = [found.span.line for found in about_rows(checked)]
    assert lines == sorted(lines)


def packed(data: bytes, suffix: str, parts: int = 1) -> bytes:
    """Return `data` unchanged, or compressed in `parts` members."""
    cuts = itertools.pairwise(len(data) * part // parts for part in range(parts + 1))
    sums: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "zst": partial(zstd.compress, options=sums),
    }
    return b"".join(pack.get(suffix, bytes)(data[first:last]) for first, last in cuts)


archives = pytest.mark.parametrize("suffix", ["gz", "zst"])
all_files = pytest.mark.parametrize("suffix", ["jsonl", "gz", "zst"])
NOISE = b"".join(row(DICE.randbytes(40).hex()) for _ in range(3))


@archives
@pytest.mark.parametrize("parts", [1, 2, 7])
@pytest.mark.parametrize("data", [b"", b"\n", NOISE, b"\n".join([row(), *ERRORS, *OTHERS] * 99)], ids=len)
def test_an_archive_is_checked_like_the_plain_file(put: Put, suffix: str, parts: int, data: bytes) -> None:
    archive = put(packed(data, suffix, parts), f"a.{suffix}")
    assert facts(one(archive, bounds={"chunk": 999})) == facts(one(put(data), bounds={"chunk": 999}))


@archives
def test_a_truncated_archive_is_damaged(put: Put, suffix: str) -> None:
    whole = packed(NOISE, suffix)
    for archive, first in ((whole, 1), (whole + whole, len(whole) + 1)):
        for cut in range(first, len(archive)):
            assert "damaged-archive" in ids(one(put(archive[:cut], f"a.{suffix}"))), cut


@archives
def test_an_archive_with_a_changed_byte_is_damaged_or_has_the_same_contents(put: Put, suffix: str) -> None:
    whole = packed(NOISE, suffix)
    for at in range(len(whole)):
        checked = one(put(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :], f"a.{suffix}"))
        assert "damaged-archive" in ids(checked) or checked.digest == digest(NOISE), at
        assert at < len(whole) - 4 or not checked.ok  # the end is a checksum, or a length


@archives
@pytest.mark.parametrize("tail", [b"garbage", b"{", b"\n", b"\x1f", b"\x28\xb5", NOISE])
def test_data_that_is_not_an_archive_is_damage(put: Put, suffix: str, tail: bytes) -> None:
    assert "damaged-archive" in ids(one(put(packed(NOISE, suffix) + tail, f"a.{suffix}")))
    known = tail.startswith(b"{")
    assert ids(one(put(tail, f"a.{suffix}"))) == (["not-json-lines"] if known else ["damaged-archive"])


@archives
def test_the_rows_before_the_damage_are_checked(put: Put, suffix: str) -> None:
    data = b"".join(row(DICE.randbytes(500).hex()) for _ in range(3000)) + b"{}\n" * 9
    checked = one(put(packed(data, suffix)[: 5 << 18], f"a.{suffix}"))
    assert checked.rows == data.count(b"\n", 0, checked.length) > 500
    assert checked.digest == digest(data[: checked.length])
    [(id, message)] = messages(checked)
    assert id == "damaged-archive"
    assert f"after line {checked.rows:,}: " in message


def grow(path: str) -> None:
    with open(path, "ab") as file:
        file.write(row())


def rewrite(path: str) -> None:
    with open(path, "r+b") as file:
        file.write(row("z"))


changes = [grow, rewrite, partial(os.truncate, length=700), partial(os.truncate, length=0)]


@all_files
@pytest.mark.parametrize("at", [1, 4])
@pytest.mark.parametrize("change", changes)
def test_a_file_that_changes_during_the_check_is_reported(
    put: Put, suffix: str, at: int, change: Callable[[str], None]
) -> None:
    path = put(packed(NOISE * 40, suffix), f"a.{suffix}")
    os.utime(path, (1e9, 1e9))
    steps = itertools.count(1)
    checked = one(path, bounds={"chunk": 400}, on_read=lambda *_: change(path) if next(steps) == at else None)
    assert next(steps) > at
    assert "file-changed" in ids(checked)
    assert not checked.ok


@all_files
def test_a_pipe_is_read_to_its_end(put: Put, tmp_path: Path, suffix: str) -> None:
    data, pipe = NOISE * 2000 + b"{}", tmp_path / f"pipe.{suffix}"
    os.mkfifo(pipe)

    def feed() -> None:
        sent = packed(data, suffix)
        with pipe.open("wb", buffering=0) as file:
            for at in range(0, len(sent), 7000):
                file.write(sent[at : at + 7000])

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    sizes: set[int | None] = set()
    checked = one(str(pipe), on_read=lambda path, done, size: sizes.add(size))
    feeder.join()
    assert facts(checked) == facts(one(put(data)))
    assert sizes == {None}


UNREADABLE = [".", "folder.gz", "absent", "loop", "socket", "a\0b", "\ud800", "x" * 300, ""]
UNREADABLE += ["/dev/null", "/dev/zero", "/proc/self/mem"]


@pytest.mark.parametrize("path", UNREADABLE, ids=lambda path: ascii(path)[:20])
def test_an_unreadable_path_is_reported_and_the_others_are_checked(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("loop", "loop")
    os.mkdir("folder.gz")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        bad, good = run(path, put(row()))
    assert ids(bad) == ["unreadable-data"]
    assert (bad.ok, bad.rows, bad.length) == (False, 0, 0)
    assert (ids(good), good.rows) == ([], 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_read_permission_is_reported(put: Put) -> None:
    path = put(row(), "secret.jsonl")
    os.chmod(path, 0)
    assert ids(one(path)) == ["unreadable-data"]


@pytest.mark.parametrize("data", [b"", b"\n", b" \t\r\n\n", b" ", BOM, BOM + b"\n"], ids=repr)
def test_a_file_without_rows_is_reported(put: Put, data: bytes) -> None:
    checked = one(put(data))
    assert ids(checked) == ["data-byte-order-mark"] * data.startswith(BOM) + ["empty-data"]
    assert (checked.rows, checked.length, checked.digest) == (0, len(data), digest(data))
    limited = one(put(data), CheckOptions(max_errors=len(checked.findings)))
    assert facts(limited) == facts(checked)  # the last error does not count as a stop: the file is at its end


sizes = pytest.mark.parametrize("size", [10, 200, 5000])


@sizes
@pytest.mark.parametrize("blank", [b"\n", b" \n", b"\r\n"], ids=repr)
def test_examples_end_after_the_given_number_of_rows(put: Put, blank: bytes, size: int) -> None:
    data = blank + blank.join(row(number) for number in range(9)) + b"{}\n"
    path = put(data)
    for number in range(1, 10):
        end = data.index(row(number - 1)) + len(row(number - 1))
        found = facts(one(path, CheckOptions(examples=number), bounds={"chunk": size}))
        assert found == ([], {}, number, end, digest(data[:end]), False)
    assert ids(one(path, CheckOptions(examples=10), bounds={"chunk": size})) == ["row-shape"]


@pytest.mark.parametrize("first", [b"\x0c", b"\x0b ", b"\r", BOM, BOM + b" \r", BOM + b"\x0c"], ids=repr)
def test_examples_count_the_same_rows_as_a_full_check(put: Put, first: bytes) -> None:
    data = first + b"\n" + row(1) + row(2) + row(3)
    checked = one(put(data), CheckOptions(examples=2))
    assert checked.rows == 2
    assert checked.length == data.index(row(3 - count(first)))


@sizes
def test_reading_stops_at_max_errors(put: Put, size: int) -> None:
    path = put((OTHERS[0] + b"\n{}\n") * 50)
    checked = one(path, CheckOptions(max_errors=3), bounds={"chunk": size})
    assert [found.id for found in about_rows(checked)] == ["no-assistant-message", "row-shape"] * 3
    assert checked.stopped
    assert checked.rows == 100 if size == 5000 else checked.rows < 20
    assert not one(path, CheckOptions(max_errors=51), bounds={"chunk": size}).stopped


@sizes
def test_findings_that_are_not_shown_are_counted(put: Put, size: int) -> None:
    path = put(b"".join(row(f"{number}<|a|>") for number in range(30)) + OTHERS[0])
    checked = one(path, CheckOptions(max_errors=4), bounds={"chunk": size})
    assert ids(checked) == ["special-token"] * 4 + ["no-assistant-message"]
    assert (checked.more, checked.stopped) == ({"special-token": 26}, False)


def test_findings_of_a_row_are_limited() -> None:
    data = row().replace(b'"a"', b'"a' + b"\\u0000" * 1000 + b'"')
    look = Inspector(Limits(keep=3)).look("a.jsonl", Chunk(data, 1, 1, 0))
    assert len(look.findings) == 3
    assert look.counts == {"nul-in-text": 1000}


@pytest.mark.parametrize(
    "line", [b"  },\n", b"null\n", b"[]\n", b'{"messages": \n', b"\xff\xfe{}\n", b"// rows\n"]
)
def test_lines_that_are_no_rows_repeat_nothing(line: bytes, put: Put) -> None:
    first, second = run(put(row(1) + line * 3), put(row(2) + line * 2, "b.jsonl"), options=ALL)
    assert {found.id for found in (*first.findings, *second.findings)} <= {
        "row-not-json",
        "row-not-utf8",
        "row-shape",
    }


def test_rows_with_blanks_before_them_repeat_each_other(put: Put) -> None:
    assert ids(one(put((b" " + row(1)) * 2))) == ["duplicate-rows"]


def test_repeated_rows_are_counted_and_listed(put: Put) -> None:
    rows = [row(1), b"\n", row(2), b"  " + row(1), row(3), row(2)[:-1] + b" \r\n", row(1)[:-1] + b"\t"]
    path = put(b"".join(rows))
    first, second = run(path, put(row(9) + row(2) + row(7) + row(2), "b.jsonl"), bounds={"chunk": 100})
    again = "line 4 repeats line 1, line 6 repeats line 3, line 7 repeats line 1"
    shared = f"2 rows also occur in {path}: line 2 is line 3 there, line 4 is line 3 there"
    assert messages(first) == [("duplicate-rows", f"3 rows repeat an earlier row: {again}")]
    assert messages(second) == [
        ("duplicate-rows", "1 row repeats an earlier row: line 4 repeats line 2"),
        ("shared-rows", shared),
    ]


def estimate(checked: Checked, id: str) -> int:
    [(given, message)] = messages(checked)
    match = re.match(r"about ([\d,]+) rows \(estimated from 1 row in (2|4|8|16|32)\) ", message)
    assert match, message
    assert given == id
    return int(match[1].replace(",", ""))


def test_repeats_are_estimated_beyond_the_capacity(put: Put) -> None:
    twice = put(b"".join(row(number % 2000) for number in range(4000)))
    half = put(b"".join(map(row, range(1000, 3000))), "b.jsonl")
    first, second = run(twice, half, bounds={"chunk": 5000, "digests": 1000})
    assert 1400 < estimate(first, "duplicate-rows") < 2600
    assert 600 < estimate(second, "shared-rows") < 1400
    assert not ids(one(put(b"".join(map(row, range(4000))))))


@pytest.mark.parametrize("text", range(6))
@pytest.mark.parametrize("others", [0, 1000])
def test_a_row_repeated_more_often_than_the_capacity_is_reported(put: Put, text: int, others: int) -> None:
    data = row(-text) * 1000 + b"".join(map(row, range(1, others)))
    assert ids(one(put(data), bounds={"digests": 100})) == ["duplicate-rows"]


def test_shared_rows_are_counted_beyond_the_capacity(put: Put) -> None:
    _, second = run(put(row()), put(row() * 1000, "b.jsonl"), bounds={"digests": 100})
    [shared] = [message for id, message in messages(second) if id == "shared-rows"]
    assert shared.startswith(("1,000 rows also occur ", "about "))


def test_a_file_whose_name_is_not_utf8_is_checked(put: Put) -> None:
    paths = [put(row() + row(), os.fsdecode(name)) for name in (b"\xff.jsonl", b"\xfe.jsonl")]
    results = run(*paths)
    assert [ids(checked) for checked in results] == [["duplicate-rows"], ["duplicate-rows", "shared-rows"]]
    assert as_text([found for checked in results for found in checked.findings])
    assert as_json({checked.path: checked.findings for checked in results})


LIMIT = 1000


@pytest.mark.parametrize("size", [16, 700, 1000, 3000, 1 << 19])
@pytest.mark.parametrize("length", [LIMIT + 2, 2 * LIMIT - 2, 2 * LIMIT + 2, 9 * LIMIT])
def test_a_row_over_the_limit_is_reported_anywhere_in_a_file(put: Put, size: int, length: int) -> None:
    long, fits = (row("x" * (bytes_ - len(row("")))) for bytes_ in (length, LIMIT))
    data = long + row(1) + fits + row(2) + long + row(3) + long[:-1]
    checked = one(put(data), bounds={"chunk": size, "row": LIMIT})
    large = [found.span.line for found in checked.findings if found.id == "row-too-large"]
    assert large == [1, 5, 7]
    assert (checked.rows, checked.length, checked.digest) == (7, len(data), digest(data))


@pytest.mark.parametrize(
    "names", [("a.jsonl", "b.jsonl"), (os.fsdecode(b"\xff"), os.fsdecode(b"\xfe"))], ids=ascii
)
def test_rows_over_the_limit_do_not_count_as_repeats(put: Put, names: tuple[str, str]) -> None:
    paths = [put(row(name * 9 * LIMIT) + row(ascii(name)), name) for name in names]
    assert [ids(checked) for checked in run(*paths, bounds={"chunk": 64, "row": LIMIT})] == [
        ["row-too-large"],
        ["row-too-large"],
    ]


def test_a_row_of_70_mb_is_over_the_limit_and_one_of_3_mb_is_not(put: Put) -> None:
    data = row("x" * 3_000_000) + row("x" * 70_000_000) + row()
    [checked] = check_files([put(data)], CheckOptions(jobs=2))
    assert [(found.id, found.span.line) for found in checked.findings] == [("row-too-large", 2)]
    assert (checked.rows, checked.length, checked.digest) == (3, len(data), digest(data))


def holding(part: bytes) -> bytes:
    return row().replace(b'"content": "a"', b'"content": [' + part + b"]")


ODD_ROWS = {
    "a type that is a list": holding(b'{"type": []}'),
    "images in images": holding(b'{"type": "image", "image": ' + b'{"image": ' * 480 + b"1" + b"}" * 481),
    "half a pair in a duplicate name": row()[:-2] + b', "\\ud83d": 1, "\\ud83d": 2}\n',
    "half a pair in a name of a message": b'{"messages": [{"\\ud83d": 1}]}\n',
    "half a pair as a role": row().replace(b"user", b"\\ud83d"),
    "half a pair in a token": row().replace(b'"a"', b'"<\\ud83d> <|a|>"'),
    "half a pair in a name that is meant to be another": row().replace(b"role", b"\\ud83drole", 1),
    "a deep weight": row().replace(b'"b"', b'"b", "weight": ' + b"[" * 400 + b"]" * 400),
    "a quote in a name": row(**{'"': 1}),
    "a backslash in a name": row(**{"\\": 1}),
    "a line break in a name": row(**{"\n": 1}),
    "a number of 5,000 digits": row()[:-2] + b', "id": ' + b"9" * 5000 + b"}\n",
    "a role of a million letters": row().replace(b"user", b"u" * 1_000_000),
    "ten thousand names": row(**{f"{number}": number for number in range(10_000)}),
}


@pytest.mark.parametrize("odd", ODD_ROWS)
def test_findings_about_odd_rows_can_be_rendered(put: Put, odd: str) -> None:
    checked = one(put(ODD_ROWS[odd] * 2 + row()))
    assert checked.rows == 3
    assert as_text(checked.findings)
    assert as_json({checked.path: checked.findings})


def test_findings_about_half_a_pair_in_any_text_can_be_rendered() -> None:
    lines = {line for path in GOLDEN.glob("dataset/*/*.jsonl") for line in path.read_bytes().splitlines()}
    for line in sorted(lines):
        for text in re.finditer(rb'"(?=[^"\\]*")', line):
            data = line[: text.end()] + b"\\ud83d" + line[text.end() :]
            found = locate(remarks(data, 3), Line("rows.jsonl", 1, 0, data))
            assert as_json({"rows.jsonl": found})


KILLING = """
import multiprocessing, os, signal, sys
from functools import partial
from sftc.dataset.check_files import CheckOptions, check_files
from sftc.dataset.chunks import CHUNK, Bounds, Chunk
from sftc.dataset.pool import Pool

def kill(*_):
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
        child.join()

def length(path, chunk):
    return len(chunk.data)

def at_work():
    bounds = Bounds(chunk=64, alone=0, patience=0)
    check_files([sys.argv[2]], CheckOptions(jobs=3, bounds=bounds), on_read=kill)

def idle():
    killed = []
    def chunks():  # only the first goes to a worker: the others are larger than CHUNK
        yield Chunk(b"a", 1, 1, 0)
        while not killed:
            yield Chunk(bytes(CHUNK + 1), 1, 1, 0)
        yield Chunk(b"a", 1, 1, 0)
    with Pool(lambda: length, 2, Bounds(alone=0, patience=0)) as pool:
        for answer in pool.map("a", chunks()):
            if answer == 1:
                killed.append(kill())

try:
    {"at work": at_work, "idle": idle}[sys.argv[1]]()
except RuntimeError as error:
    print("RuntimeError:", error)
"""


@pytest.mark.parametrize("when", ["at work", "idle"])
def test_a_killed_worker_ends_the_check(put: Put, when: str) -> None:
    command = [sys.executable, "-c", KILLING, when, put(b"".join(map(row, range(2000))))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout.startswith("RuntimeError: a worker process ended unexpectedly"), ended.stderr


INTERRUPTING = """
import multiprocessing, os, signal, sys
from sftc.dataset.chunks import Bounds, Chunk
from sftc.dataset.pool import Pool

def fork(fork=os.fork):
    child = fork()
    if sys.argv[1] == ("while workers begin" if child else "a worker that begins"):
        os.kill(os.getpid(), signal.SIGINT)
    return child

def kill():
    for child in multiprocessing.active_children():
        os.kill(child.pid, signal.SIGKILL)
        child.join()

def length(path, chunk):
    return len(chunk.data)

def chunks():
    for number in range(9):
        yield Chunk(b"a", 1, 1, 0)
    if sys.argv[1] == "after a worker was killed":
        kill()
        raise KeyboardInterrupt

multiprocessing.set_start_method("fork")
os.fork = fork
try:
    with Pool(lambda: length, 3, Bounds(alone=0, patience=0)) as pool:
        print(sum(pool.map("a", chunks())))
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    ("when", "said"),
    {
        "a worker that begins": "9",
        "while workers begin": "interrupted",
        "after a worker was killed": "interrupted",
    }.items(),
)
def test_ctrl_c_at_any_time_is_no_fault(when: str, said: str) -> None:
    command = [sys.executable, "-c", INTERRUPTING, when]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"{said}\n", "")


SPAWNING = """
import multiprocessing, multiprocessing.util, os, signal, sys
from sftc.dataset.check_files import CheckOptions, check_files
from sftc.dataset.chunks import Bounds

def spawned(*given, spawn=multiprocessing.util.spawnv_passfds):
    child = spawn(*given)
    if any(b"spawn_main" in os.fsencode(part) for part in given[1]):
        os.kill(child, signal.SIGINT)
    return child

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    multiprocessing.util.spawnv_passfds = spawned
    bounds = Bounds(chunk=64, alone=0, patience=0)
    [checked] = check_files([sys.argv[1]], CheckOptions(jobs=3, bounds=bounds))
    print(checked.rows)
"""


def test_ctrl_c_does_not_reach_a_process_that_is_spawned(put: Put) -> None:
    script, rows = put(SPAWNING.encode(), "spawning.py"), put(b"".join(map(row, range(200))))
    ended = subprocess.run(
        [sys.executable, script, rows], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "200\n", "")


@pytest.mark.parametrize(("begin", "end"), [('{"a":', "}"), ("[", "]")])
def test_a_part_as_deep_as_a_row_may_be_is_looked_into(begin: str, end: str) -> None:
    for text, found in (("", ["blank-assistant"]), ("x", [])):
        part = f'{{"type": "other", "a": {begin * 490}"{text}"{end * 490}}}'
        data = row().replace(b'"content": "b"', f'"content": [{part}]'.encode())
        assert data != row()
        assert [remark.rule.id for remark in remarks(data)] == found


def test_a_missing_file_says_where_relative_paths_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path, is_relative in (("rows.jsonl", True), (str(tmp_path / "rows.jsonl"), False)):
        [found] = one(path).findings
        assert found.id == "unreadable-data"
        assert ("relative path" in (found.help or "")) == is_relative
