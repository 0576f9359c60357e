"""The language server, asked by a real client over standard input and output."""

from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import LanguageClient

from support.editor_client import SERVER, EditorClient, at

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.measured]

JOB = """\
schema_version = 2

[job]
model = "Qwen/Qwen3-4B"
data = "train.jsonl"

[compute]
gpu_type = "H100"
gpu_count = 1
"""


@pytest_lsp.fixture(config=SERVER, scope="module")
async def client(lsp_client: LanguageClient):
    await EditorClient(lsp_client, Path("/")).initialize()
    yield
    await lsp_client.shutdown_session()


@pytest.fixture
def editor(client: LanguageClient, tmp_path: Path) -> EditorClient:
    return EditorClient(client, tmp_path)


async def test_findings_link_to_the_pages_of_their_rules(editor: EditorClient) -> None:
    [found] = await editor.open(JOB.replace("gpu_count", "gpu_cout"))
    assert found.code == "unknown-key"
    assert found.code_description and found.code_description.href.endswith("/findings/#unknown-key-warning")
    assert found.range == types.Range(types.Position(8, 0), types.Position(8, 8))


async def test_hover(editor: EditorClient) -> None:
    text, place = at(JOB.replace("gpu_type", "gpu_|type"))
    await editor.open(text)
    found = await editor.client.text_document_hover_async(types.HoverParams(editor.document, place))
    assert "`/metadata/effective_config/compute/gpu_type` = `\"H100\"`, from `compute.gpu_type` in line 8" in found.contents.value


async def test_all(editor: EditorClient, tmp_path) -> None:
    c = editor.client
    (tmp_path/"train.jsonl").write_text("{}\n"*100)
    text = JOB + "\n[hyperparameters]\nlearning_rate=2e-4\nper_device_batch = 2\ngradient_accumulation_steps = 4\n"
    print(await editor.open(text))
    print(await c.text_document_inlay_hint_async(types.InlayHintParams(editor.document, types.Range(types.Position(0,0), types.Position(99,0)))))
    print(await c.text_document_code_lens_async(types.CodeLensParams(editor.document)))
    print([(s.name, s.range, [(x.name, x.detail) for x in s.children]) for s in await c.text_document_document_symbol_async(types.DocumentSymbolParams(editor.document))])
    d = (await c.text_document_definition_async(types.DefinitionParams(editor.document, types.Position(7,2))))
    print(d)
    print(await c.text_document_definition_async(types.DefinitionParams(types.TextDocumentIdentifier(d.uri), d.range.start)))
    for t in ("hyper|", "[hyp|", "[training]\nmode = |", "[training]\nmode = \"l|\"", "[training.lora]\ntarget_modules = [\"|", "[training.lora]\n|", "[job]\nmodel = \"Qwen|", "[tracking]\nto = [|", "x = 1 |"):
        s, p = at("schema_version = 2\n"+t)
        await editor.change(s)
        print(t, [(i.label, i.text_edit.new_text, i.filter_text) for i in (await c.text_document_completion_async(types.CompletionParams(editor.document, p)))][:5])
    s, p = at(JOB.replace("data =", "data_|path ="))
    print(await editor.change(s))
    print(await c.text_document_prepare_rename_async(types.PrepareRenameParams(editor.document, p)))
    print(await c.text_document_rename_async(types.RenameParams("data", editor.document, p)))
    print(await c.text_document_code_action_async(types.CodeActionParams(editor.document, types.Range(p, p), types.CodeActionContext([]))))
    print(await editor.change(s + "\n[hyperparameters]\nlearning_r"))
    print(await c.text_document_code_lens_async(types.CodeLensParams(editor.document)))
    print(await c.workspace_execute_command_async(types.ExecuteCommandParams("sftc.showPayload", [editor.uri])))
    print(c.shown_documents, c.messages)
    assert 0
