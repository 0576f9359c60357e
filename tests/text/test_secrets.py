"""Keys of well-known services are found in strings, and no output shows more than their start."""

import re

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sftc.cli.lint_command import FORMATS, lint_command
from sftc.text.secrets import FORMS, find_secret, masked

LETTERS = "aB3dE6gH9kLm2Np4Qr5St7Uv8Wx1Yz0" * 3
EXAMPLES = {
    "hf_": f"hf_{LETTERS[:34]}",
    "api_org_": f"api_org_{LETTERS[:34]}",
    "wandb_v1_": f"wandb_v1_{LETTERS[:60]}",
    "sk-ant-": f"sk-ant-api03-{LETTERS[:80]}",
    "sk-or-": f"sk-or-v1-{LETTERS[:64]}",
    "sk-": f"sk-proj-{LETTERS[:60]}",
    "AKIA": "AKIA" + LETTERS[:16].upper(),
    "ASIA": "ASIA" + LETTERS[:16].upper(),
    "AIza": f"AIza{LETTERS[:35]}",
    "gh": f"ghp_{LETTERS[:36]}",
    "github_pat_": f"github_pat_{LETTERS[:82]}",
    "glpat-": f"glpat-{LETTERS[:20]}",
    "xox": f"xoxb-{LETTERS[:40]}",
    "_live_": f"sk_live_{LETTERS[:24]}",
    "gsk_": f"gsk_{LETTERS[:52]}",
    "r8_": f"r8_{LETTERS[:37]}",
    "nvapi-": f"nvapi-{LETTERS[:64]}",
    "dapi": "dapi" + "0123456789abcdef" * 2,
    "fw_": f"fw_{LETTERS[:24]}",
    "tgp_v1_": f"tgp_v1_{LETTERS[:43]}",
    "pypi-": f"pypi-{LETTERS[:80]}",
    "npm_": f"npm_{LETTERS[:36]}",
    "PRIVATE KEY-----": f"-----BEGIN RSA PRIVATE KEY-----{LETTERS}",
    "://": f"postgres://me:{LETTERS[:12]}@example.com/db",
    "eyJ": f"eyJ{LETTERS[:20]}.eyJ{LETTERS[:40]}.{LETTERS[:43]}",
}


def test_every_form_has_an_example() -> None:
    assert [form.mark for form in FORMS] == [*EXAMPLES]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.mark)
def test_a_key_is_found_and_masked(form: object) -> None:
    [(what, mark, _)] = [each for each in FORMS if each is form]
    secret = EXAMPLES[mark]
    for text in (secret, f"Bearer {secret} and more"):
        found = find_secret(text, "note")
        assert found
        assert found[0] == what
        assert len(found[1]) == 4
        at = text.index(found[1])
        assert text[at : at + 5] not in masked(text)
        assert len(masked(text)) == len(text)


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("wandb_api_key", "0123456789abcdef" * 2, True),
        ("WANDB-API-KEY", "0123456789abcdef" * 2, True),
        ("aws_secret_access_key", f"{LETTERS[:40]}", True),
        ("db_password", "hunter2hunter2", True),
        ("password", "from the vault 1", False),
        ("password_file", "secrets.txt", False),
        ("url", "https://me:hunter2@example.com/set.jsonl", True),
        ("url", "https://me:${TOKEN}@example.com/set.jsonl", False),
        ("url", "https://example.com:8080/a@b", False),
        ("token_ids", "0123456789" * 4, False),
        ("commit", "0123456789abcdef" * 2, False),
        ("api_key", "from the environment", False),
        ("token", "short1", False),
        ("tokenizer", "meta-llama/Llama-3.1-8B", False),
        ("model", "meta-llama/Llama-3.1-8B-Instruct", False),
        ("note", "sk-learn is a library, and hf_ a prefix", False),
    ],
)
def test_the_name_of_a_key_counts_where_its_value_has_no_form(
    name: str, value: str, *, is_secret: bool
) -> None:
    assert bool(find_secret(value, name)) == is_secret


@given(st.text())
def test_other_text_is_left_alone(text: str) -> None:
    if not any(re.search(form.form, text) for form in FORMS) and "=" not in text:
        assert masked(text) == text
    assert len(masked(text)) == len(text)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("table", ["data.topology", "algorithm", "tags", "hyperparameters", "unknown"])
def test_no_report_shows_a_key(format: str, table: str, tmp_path: object) -> None:
    text = f'[job]\nmodel = "m"\n[compute]\ngpu_type = "H"\n[{table}]\n'
    for name, secret in {"token": EXAMPLES["hf_"], "wandb_api_key": LETTERS[:40]}.items():
        text += f'{name} = "{secret}"\n'
    result = CliRunner().invoke(lint_command, ["-", "--format", format], input=text)
    assert result.exit_code == 1
    assert "secret" in result.output
    assert EXAMPLES["hf_"][:5] not in result.output
    assert LETTERS[:5] not in result.output
