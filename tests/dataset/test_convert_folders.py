"""Folders of Hugging Face datasets, in the layouts of `datasets.save_to_disk` and of the Hub."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from support.conversions import Converted, ConvertedRow

ROWS: list[ConvertedRow] = [
    {"messages": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": str(number)}]}
    for number in range(30)
]


def save_to_disk(folder: Path, parts: int = 1, rows: list[ConvertedRow] = ROWS) -> None:
    """Write what `datasets.Dataset.save_to_disk` writes: Arrow streams, and what is in them."""
    folder.mkdir(parents=True)
    names = [f"data-{part:05d}-of-{parts:05d}.arrow" for part in range(parts)]
    size = -(-len(rows) // parts)
    for part, name in enumerate(names):
        table = pa.Table.from_pylist(rows[part * size : (part + 1) * size])
        with ipc.new_stream(folder / name, table.schema) as writer:
            writer.write_table(table, max_chunksize=4)
    state: ConvertedRow = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": "0123456789abcdef",
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": "train",
    }
    (folder / "state.json").write_text(json.dumps(state, indent=2))
    (folder / "dataset_info.json").write_text(json.dumps({"citation": "", "features": {}}, indent=2))


def parquet_file(path: Path, rows: list[ConvertedRow]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_saved_dataset_is_read_in_order(parts: int, tmp_path: Path) -> None:
    save_to_disk(tmp_path / "saved", parts)
    done = Converted(tmp_path, None, "saved")
    assert done.rows == ROWS
    [text] = [found.message for found in done.findings]
    assert text.startswith("the file is an Arrow stream; its rows are messages")
    assert ("more file" in text) == (parts > 1)


def test_the_splits_of_a_saved_dataset_are_named(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save_to_disk(tmp_path / "saved" / split)
    (tmp_path / "saved/dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    done = Converted(tmp_path, None, "saved")
    assert done.faults == ["the folder has several splits: `train`, `test`"]
    assert done.findings[0].help == f"pass one of them, such as `{tmp_path}/saved/train`"
    assert Converted(tmp_path, None, "saved/train").rows == ROWS
    (tmp_path / "saved/dataset_dict.json").write_text('{"splits": ["test"]}')
    assert Converted(tmp_path, None, "saved").rows == ROWS


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ({"_data_files": []}, "has no data files"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "cannot be read: No such file"),
        (
            {"_data_files": [{"filename": "a"}], "_indices_data_files": [{"filename": "b"}]},
            "a selection of rows",
        ),
        ("{", "`state.json` cannot be read"),
    ],
)
def test_a_saved_dataset_that_is_damaged_is_an_error(state: object, fault: str, tmp_path: Path) -> None:
    save_to_disk(tmp_path / "saved")
    text = state if isinstance(state, str) else json.dumps(state)
    (tmp_path / "saved/state.json").write_text(text)
    done = Converted(tmp_path, None, "saved")
    assert fault in done.faults[0]


@pytest.mark.parametrize("inside", [".", "data", "en"])
def test_shards_of_the_hub_are_read_in_order(inside: str, tmp_path: Path) -> None:
    for part in range(3):
        parquet_file(
            tmp_path / "hub" / inside / f"train-{part:05d}-of-00003.parquet", ROWS[part * 10 : part * 10 + 10]
        )
    (tmp_path / "hub/README.md").write_text("A dataset.")
    (tmp_path / "hub/dataset_infos.json").write_text("{}")
    (tmp_path / "hub/.cache").mkdir()
    (tmp_path / "hub/.cache/old.parquet").write_bytes(b"PAR1")
    assert Converted(tmp_path, None, "hub").rows == ROWS


def test_a_missing_shard_is_an_error(tmp_path: Path) -> None:
    parquet_file(tmp_path / "hub/train-00000-of-00002.parquet", ROWS)
    assert Converted(tmp_path, None, "hub").faults == ["the folder has 1 of the 2 files of `train`"]


def test_parts_with_plain_numbers_are_read_in_order(tmp_path: Path) -> None:
    for part in range(30):
        parquet_file(tmp_path / f"parts/part-{part}.parquet", ROWS[part : part + 1])
    assert Converted(tmp_path, None, "parts").rows == ROWS


@pytest.mark.parametrize(
    ("names", "fault", "named"),
    [
        (["train.parquet", "test.parquet"], "several splits", "test.parquet"),
        (["my_train_v2.jsonl", "my-dev.jsonl"], "several splits", "my-dev.jsonl"),
        (["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"], "several splits", "test-*"),
        (
            ["default/train-00000-of-00001.parquet", "default/dev-00000-of-00001.parquet"],
            "several splits",
            "dev-*",
        ),
        (["en/a.parquet", "de/a.parquet"], "several folders with data", "de"),
        (["a.parquet", "data/a.parquet"], "several folders with data", "."),
        (["a.parquet", "a.jsonl"], "several kinds of files", "*.jsonl"),
        (["a.md", ".b.parquet", "cache-0123.arrow"], "no data files", ""),
    ],
)
def test_a_choice_is_left_to_the_person(names: list[str], fault: str, named: str, tmp_path: Path) -> None:
    for name in names:
        parquet_file(tmp_path / "hub" / name, ROWS)
    done = Converted(tmp_path, None, "hub")
    assert fault in done.faults[0]
    assert f"`{named}`" in done.faults[0] or not named


def test_a_field_of_several_files_is_told_once(tmp_path: Path) -> None:
    for part in range(3):
        parquet_file(
            tmp_path / f"hub/{part}.parquet", [{**row, "id": part} for row in ROWS[2 * part : 2 * part + 2]]
        )
    done = Converted(tmp_path, None, "hub", skip_bad=True)
    [text] = [found.message for found in done.findings if found.id == "field-not-converted"]
    assert text == "`id` was not taken over, in 6 rows of 3 files"


def test_what_is_damaged_in_a_folder_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    for part in range(3):
        parquet_file(tmp_path / f"hub/{part}.parquet", ROWS[part * 10 : part * 10 + 10])
    (tmp_path / "hub/1.parquet").write_bytes(b"PAR1 cut")
    (tmp_path / "hub/2.parquet").write_bytes(b"PAR1 cut")
    done = Converted(tmp_path, None, "hub")
    assert [found.span.source.name for found in done.findings if found.is_error] == [
        f"{tmp_path}/hub/1.parquet",
        f"{tmp_path}/hub/2.parquet",
    ]
