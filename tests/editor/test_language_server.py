"""The language server, asked by a real client over standard input and output."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.uris import to_fs_path
from pytest_lsp import LanguageClient

from sftc.checks.catalogue import CONFIG_RULES
from sftc.editor.editor_requests import SHOW_PAYLOAD
from support.editor_client import SERVER, TOML, EditorClient, at

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.measured]

JOB = """\
schema_version = 2

[job]
model = "Qwen/Qwen3-4B"
data = "train.jsonl"

[compute]
gpu_type = "H100"
gpu_count = 2

[training]
mode = "lora"

[hyperparameters]
learning_rate = 2e-4
per_device_batch = 2
gradient_accumulation_steps = 4
sequence_length = 2048
"""
BATCH = JOB.splitlines().index("per_device_batch = 2")


def payload_at(uri: str) -> str:
    """Return the payload that an editor shows, which only its owner may read."""
    path = Path(to_fs_path(uri) or "")
    assert path.parent.parent.stat().st_mode & 0o077 == 0
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest_lsp.fixture(config=SERVER, scope="module")  # type: ignore[untyped-decorator]  # it has no types
async def client(lsp_client: LanguageClient, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    folder = request.getfixturevalue("folder")
    (folder / "train.jsonl").write_text("{}\n" * 100, encoding="utf-8")
    await EditorClient(lsp_client, folder).initialize()
    yield
    await lsp_client.shutdown_session()


@pytest.fixture
def editor(client: LanguageClient, folder: Path) -> EditorClient:
    return EditorClient(client, folder)


async def test_findings_are_those_of_lint_and_link_to_their_pages(editor: EditorClient) -> None:
    [found] = await editor.open(JOB.replace("gpu_count", "gpu_cout"))
    assert (found.source, found.code, found.severity) == (
        "sftc",
        "unknown-key",
        types.DiagnosticSeverity.Warning,
    )
    assert found.code_description
    assert found.code_description.href.endswith("/reference/findings/#unknown-key-warning")
    assert found.range == types.Range(types.Position(8, 0), types.Position(8, 8))
    assert "gpu_count" in found.message
    assert await editor.change(JOB) == []


async def test_a_finding_in_an_extended_config_is_where_that_is_named(
    editor: EditorClient, folder: Path
) -> None:
    base = folder / "base.toml"
    base.write_text(JOB.replace("gpu_count", "gpu_cout"), encoding="utf-8")
    text = '# mine\nschema_version = 2\nextends = "base.toml"\n'
    [found] = await editor.open(text)
    assert found.range == types.Range(types.Position(2, 10), types.Position(2, 21))
    assert found.message.startswith("base.toml:9: ")
    [related] = found.related_information or ()
    assert Path(to_fs_path(related.location.uri) or "") == base
    assert related.location.range == types.Range(types.Position(8, 0), types.Position(8, 8))

    base.write_text("[job", encoding="utf-8")
    [found] = await editor.save(base)
    assert (found.code, found.range.start) == ("toml-syntax", types.Position(2, 10))
    base.write_text(JOB, encoding="utf-8")
    assert await editor.save(base) == []
    assert await editor.change(text.replace("base", "none")) != []


async def test_findings_of_a_rule_about_several_keys(editor: EditorClient) -> None:
    [found] = await editor.open(f"{JOB}global_batch = 100\n")
    assert found.code == "global-batch-mismatch"
    assert CONFIG_RULES["global-batch-mismatch"].severity == "warning"


async def test_positions_count_utf16_units(editor: EditorClient) -> None:
    text, place = at(JOB.replace("[job]", 'tags = { "😀" = "é", nam = |1 }\n\n[job]'))
    [found] = await editor.open(text)
    assert found.range.start == place == types.Position(2, len('tags = { "😀" = "é", nam = ') + 1)
    text, place = at(JOB.replace("[job]", 'tags = { "😀" = "é", |n = "x" }\n\n[job]'))
    await editor.change(text)
    assert "**`tags.n`**" in await editor.hover(place)


async def test_a_safe_and_an_unsafe_fix(editor: EditorClient) -> None:
    text, place = at(JOB.replace("data =", "data_|path ="))
    await editor.open(text)
    [(title, safe)] = (await editor.actions(place, "quickfix")).items()
    assert (title, safe.is_preferred) == ("Rename it to data", True)
    assert editor.edited(safe.edit) == JOB
    text, place = at(JOB.replace("gpu_count", "gpu_|cout"))
    await editor.change(text)
    [(title, unsafe)] = (await editor.actions(place, "quickfix")).items()
    assert (title, unsafe.is_preferred) == ("Rename it to gpu_count (changes the meaning)", False)
    assert editor.edited(unsafe.edit) == JOB


async def test_all_safe_fixes_at_once_leave_the_unsafe_ones(editor: EditorClient) -> None:
    text = JOB.replace("data =", "data_path =").replace("gpu_count", "gpu_cout")
    await editor.open(text)
    [action] = (await editor.actions(types.Position(0, 0), "source.fixAll")).values()
    action = await editor.client.code_action_resolve_async(action)
    assert editor.edited(action.edit) == JOB.replace("gpu_count", "gpu_cout")
    await editor.change(JOB)
    assert await editor.actions(types.Position(0, 0)) == {}


async def test_hover_shows_words_pointer_value_and_origin(editor: EditorClient) -> None:
    text, place = at(JOB.replace("gpu_type", "gpu_|type"))
    await editor.open(text)
    shown = await editor.hover(place)
    assert "Which GPU to run on." in shown
    assert "Payload (`sft-offline`): `/metadata/effective_config/compute/gpu_type`" in shown
    assert '= `"H100"`, from `compute.gpu_type` in line 8' in shown


async def test_hover_over_a_table_shows_its_defaults(editor: EditorClient) -> None:
    text, place = at(JOB.replace("[hyper", "[hy|per"))
    await editor.open(text)
    shown = await editor.hover(place)
    assert "`/hyperparameters/learning_rate` = `0.0002`, from `hyperparameters.learning_rate`" in shown
    assert "the default" in shown


@pytest.mark.parametrize(
    ("line", "label", "written"),
    [
        ("[training.lora]\n|", "r", "r = "),
        ("[tr|", "training.lora", "training.lora"),
        ("tra|", "training", "[training]"),
        ("[training]\nlora.|", "alpha", "alpha = "),
        ("[training]\nmode = |", "qlora", '"qlora"'),
        ('[training]\nmode = "q|', "qlora", '"qlora"'),
        ('[training]\nmode = "f|ull"', "lora", '"lora"'),
        ("[hyperparameters]\npacking = t|", "true", "true"),
        ("[tracking]\nto = [\n  |", "wandb", '"wandb"'),
        ('[job]\ndata = "tr|', "train.jsonl", '"train.jsonl"'),
        ('[compute]\ngpu_type = "|', "H100", '"H100"'),
        ('[compute]\ngpu_type = |"A100"', "H100", '"H100"'),
        ("[compute]\nnod|e = 1", "nodes", "nodes"),
        ("[compute]\r\nnod|\r\n", "nodes", "nodes = "),
        ("job = { mod| }", "model", "model = "),
        ("tra|.lora.r = 8", "training", "training"),
        ("training.lo|ra.r = 8", "lora", "lora"),
    ],
)
async def test_completion(editor: EditorClient, line: str, label: str, written: str) -> None:
    text, place = at(f"schema_version = 2\n{line}")
    await editor.open(text)
    item = (await editor.completions(place))[label]
    assert isinstance(item.text_edit, types.TextEdit)
    assert item.text_edit.new_text == written
    start, end = item.text_edit.range.start, item.text_edit.range.end
    assert start.line == end.line == place.line
    assert start.character <= place.character <= end.character


async def test_completion_offers_no_key_twice_and_nothing_in_comments(editor: EditorClient) -> None:
    text, place = at("[compute]\ngpu_type = 'H100'\ngpu_|")
    await editor.open(text)
    assert "gpu_type" not in await editor.completions(place)
    for line in ("# gpu_|", "gpu_type = 'H100' |", "gpu_type = 'H100' # |"):
        text, place = at(f"[compute]\n{line}")
        await editor.change(text)
        assert await editor.completions(place) == {}


async def test_completion_offers_a_header_once(editor: EditorClient) -> None:
    text, place = at("schema_version = 2\n[training.lora]\nr = 8\n[comp|]\n[data]\n[ job ]\n")
    await editor.open(text)
    assert {"compute", "training", "data.topology"} <= {*await editor.completions(place)}
    assert not {"job", "data", "training.lora"} & {*await editor.completions(place)}


async def test_completion_knows_the_version(editor: EditorClient) -> None:
    for version, has_lora in ((1, False), (2, True)):
        text, place = at(f"schema_version = {version}\n[training]\n|")
        await editor.open(text)
        assert ("lora" in await editor.completions(place)) == has_lora


async def test_inlay_hints(editor: EditorClient) -> None:
    await editor.open(JOB)
    hints = await editor.hints()
    assert hints[BATCH] == "16 rows a step"
    assert hints[JOB.splitlines().index('data = "train.jsonl"')] == "100 rows, 7 steps an epoch"
    assert hints[JOB.splitlines().index('gpu_type = "H100"')].endswith("GiB a device, which has 79")


async def test_definition_leads_to_the_payload_and_back(editor: EditorClient) -> None:
    await editor.open(JOB)
    there = await editor.definition(editor.uri, types.Position(BATCH, 3))
    assert there
    line = payload_at(there.uri).splitlines()[there.range.start.line]
    assert line.strip() == '"per_device_batch": 2,'
    back = await editor.definition(there.uri, there.range.start)
    assert back
    assert (back.uri, back.range.start) == (editor.uri, types.Position(BATCH, len("per_device_batch = ")))
    await editor.change(JOB.replace("per_device_batch = 2", "per_device_batch = 4"))
    assert '"per_device_batch": 4' in payload_at(there.uri)
    assert await editor.definition(editor.uri, types.Position(4, 1)) is None  # `data` is not sent


async def test_definition_leads_from_the_payload_to_an_extended_config(
    editor: EditorClient, folder: Path
) -> None:
    base = folder / "base.toml"
    base.write_text(JOB, encoding="utf-8")
    await editor.open('schema_version = 2\nextends = "base.toml"\n\n[hyperparameters]\nn_epochs = 2\n')
    there = await editor.definition(editor.uri, types.Position(4, 3))
    assert there
    lines = [line.strip() for line in payload_at(there.uri).splitlines()]
    for line, file, place in (
        ('"per_device_batch": 2,', base, types.Position(BATCH, len("per_device_batch = "))),
        ('"n_epochs": 2,', folder / "job.sft.toml", types.Position(4, len("n_epochs = "))),
    ):
        back = await editor.definition(there.uri, types.Position(lines.index(line), 0))
        assert back
        assert Path(to_fs_path(back.uri) or "") == file
        assert back.range.start == place
    shown = await editor.hover(types.Position(3, 3))
    assert f'= `2`, from `hyperparameters.per_device_batch` in line {BATCH + 1} of `"base.toml"`' in shown


async def test_symbols(editor: EditorClient) -> None:
    await editor.open(JOB)
    asked = types.DocumentSymbolParams(editor.document)
    found = await editor.client.text_document_document_symbol_async(asked)
    tables = {each.name: each for each in found or () if isinstance(each, types.DocumentSymbol)}
    assert [*tables] == ["schema_version", "job", "compute", "training", "hyperparameters"]
    assert [(each.name, each.detail) for each in tables["compute"].children or ()] == [
        ("gpu_type", '"H100"'),
        ("gpu_count", "2"),
    ]


async def test_rename_gives_an_older_key_its_name(editor: EditorClient) -> None:
    text, place = at(JOB.replace("data =", "data_|path ="))
    await editor.open(text)
    asked = types.PrepareRenameParams(editor.document, place)
    offered = await editor.client.text_document_prepare_rename_async(asked)
    assert isinstance(offered, types.PrepareRenamePlaceholder)
    assert offered.placeholder == "data"
    rename = types.RenameParams(editor.document, place, "data")
    assert editor.edited(await editor.client.text_document_rename_async(rename)) == JOB
    rename = types.RenameParams(editor.document, place, "rows")
    assert await editor.client.text_document_rename_async(rename) is None
    asked = types.PrepareRenameParams(editor.document, types.Position(BATCH, 2))
    assert await editor.client.text_document_prepare_rename_async(asked) is None


async def test_rename_gives_a_misspelt_key_the_name_that_was_meant(editor: EditorClient) -> None:
    text, place = at(JOB.replace("gpu_count", "gpu_|cout"))
    await editor.open(text)
    rename = types.RenameParams(editor.document, place, "gpu_count")
    assert editor.edited(await editor.client.text_document_rename_async(rename)) == JOB


async def test_the_lens_shows_the_payload(editor: EditorClient) -> None:
    await editor.open(JOB)
    lens = await editor.lens()
    assert lens
    assert (lens.title, lens.command) == ("payload for sft-offline", SHOW_PAYLOAD)
    asked = types.ExecuteCommandParams(lens.command, lens.arguments)
    uri = await editor.client.workspace_execute_command_async(asked)
    assert '"H100"' in payload_at(str(uri))
    assert editor.client.shown_documents[-1].uri == uri


async def test_half_typed_text_keeps_what_still_applies(editor: EditorClient) -> None:
    text = f"{JOB}nonsense = 1\n"
    await editor.open(text)
    broken = text.replace("[training]", "[training]\nmo")
    codes = {each.code: each.range.start.line for each in await editor.change(broken)}
    assert codes == {"toml-syntax": 11, "unknown-key": text.count("\n")}
    assert "in line 8" in await editor.hover(types.Position(7, 2))
    assert f"in line {BATCH + 2}" in await editor.hover(types.Position(BATCH + 1, 2))
    assert (await editor.hints())[BATCH + 1] == "16 rows a step"
    lens = await editor.lens()
    assert lens
    assert lens.title == "payload for sft-offline, as it was before the errors"
    assert await editor.actions(types.Position(text.count("\n"), 2)) == {}


async def test_what_was_true_of_a_changed_line_is_not_said_of_it(editor: EditorClient) -> None:
    await editor.open(JOB)
    await editor.change(JOB.replace("per_device_batch = 2", "per_device_batch = "))
    assert BATCH not in await editor.hints()


async def test_a_long_text_is_not_checked_at_every_keystroke(editor: EditorClient) -> None:
    long = JOB + "\n[tags]\n" + "".join(f'tag_{line} = "value"\n' for line in range(8000))
    await editor.open(long)
    for number in range(1, 30):
        editor.send(long.replace("gpu_count = 2", f"gpu_count = {number}"))
    assert "= `29`, from `compute.gpu_count`" in await editor.hover(types.Position(8, 2))
    assert (await editor.change(f"{JOB}nonsense = 1\n"))[0].code == "unknown-key"


async def test_documents_that_are_not_configs_are_left_alone(editor: EditorClient) -> None:
    await editor.open(JOB.replace("gpu_count", "gpu_cout"))
    other = EditorClient(editor.client, editor.folder)
    other.uri = (editor.folder / "pyproject.toml").as_uri()
    item = types.TextDocumentItem(other.uri, TOML, 0, "[job]\n")
    editor.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    assert await other.hover(types.Position(0, 1)) == ""
    assert await other.completions(types.Position(1, 0)) == {}
    named = "#:schema ./sftc.schema.json\n[job]\n"
    assert "missing-key" in {each.code for each in await other.open(named, "plain.toml")}


async def test_a_closed_document_has_no_findings(editor: EditorClient) -> None:
    await editor.open(JOB.replace("gpu_count", "gpu_cout"))
    assert await editor.close() == []


async def test_the_editor_chooses_the_target(editor: EditorClient) -> None:
    await editor.open(JOB)
    for target in ("trl", "nonsense", ""):
        await editor.choose(target)
        lens = await editor.lens()
        assert lens
        assert lens.title == f"payload for {'sft-offline' if not target else 'trl'}"
    assert "no target 'nonsense'" in editor.client.messages[-1].message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "\ufeff[job]",
        "a" * 70_000,
        "[" * 3_000,
        "x = [\n" * 300,
        'a = "\ud800"',
        "a\u2028b = 1\r\rc",
        "=",
    ],
    ids=["empty", "nul", "mark", "long", "brackets", "arrays", "surrogate", "separators", "equals"],
)
async def test_hostile_texts_get_findings_and_no_crash(editor: EditorClient, text: str) -> None:
    assert await editor.open(text)
    for place in (types.Position(0, 0), types.Position(0, 3), types.Position(9, 99)):
        await editor.hover(place)
        await editor.completions(place)
        await editor.actions(place)
    await editor.hints()
    await editor.lens()
    assert await editor.change(JOB) == []
