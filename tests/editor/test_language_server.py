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
