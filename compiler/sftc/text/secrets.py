"""Strings that look like a key of a well-known service, and how they are shown."""

import re
from typing import Final, NamedTuple

_SHOWN = 4


class SecretForm(NamedTuple):
    """The form of the keys of one service; `mark` is in all of them."""

    service: str
    mark: str
    form: str


FORMS: Final = (
    SecretForm("Hugging Face", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    SecretForm("Hugging Face", "api_org_", r"\bapi_org_[A-Za-z0-9]{30,}"),
    SecretForm("Weights & Biases", "wandb_v1_", r"\bwandb_v1_[A-Za-z0-9_]{40,}"),
    SecretForm("Anthropic", "sk-ant-", r"\bsk-ant-[A-Za-z0-9_-]{32,}"),
    SecretForm("OpenRouter", "sk-or-", r"\bsk-or-[A-Za-z0-9_-]{32,}"),
    SecretForm("OpenAI", "sk-", r"\bsk-(?!ant-|or-)[A-Za-z0-9_-]{32,}"),
    SecretForm("AWS", "AKIA", r"\bAKIA[A-Z0-9]{16}\b"),
    SecretForm("AWS", "ASIA", r"\bASIA[A-Z0-9]{16}\b"),
    SecretForm("Google", "AIza", r"\bAIza[A-Za-z0-9_-]{35}"),
    SecretForm("GitHub", "gh", r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    SecretForm("GitHub", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{40,}"),
    SecretForm("GitLab", "glpat-", r"\bglpat-[A-Za-z0-9_.-]{20,}"),
    SecretForm("Slack", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}"),
    SecretForm("Stripe", "_live_", r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    SecretForm("Groq", "gsk_", r"\bgsk_[A-Za-z0-9]{40,}"),
    SecretForm("Replicate", "r8_", r"\br8_[A-Za-z0-9]{37,}"),
    SecretForm("NVIDIA", "nvapi-", r"\bnvapi-[A-Za-z0-9_-]{40,}"),
    SecretForm("Databricks", "dapi", r"\bdapi[a-f0-9]{32}"),
    SecretForm("Fireworks", "fw_", r"\bfw_[A-Za-z0-9]{20,}"),
    SecretForm("Together", "tgp_v1_", r"\btgp_v1_[A-Za-z0-9_-]{30,}"),
    SecretForm("PyPI", "pypi-", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    SecretForm("npm", "npm_", r"\bnpm_[A-Za-z0-9]{36,}"),
    SecretForm("a private key", "PRIVATE KEY-----", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"),
    SecretForm("a signed token", "eyJ", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
)

_NAME = r"(?:api_?key|access_?key|secret|token(?!i)|password|passwd|credential)"
_VALUE = r"[A-Za-z0-9+/=_.-]{20,}"
_ASSIGNED = rf"""(?i)({_NAME}(?:_?(?:key|id))?["']?\s*=\s*["'])([A-Za-z0-9+/=_.-]{{20,}})"""


def find_secret(text: str, name: str) -> tuple[str, str] | None:
    """Return whose key is in `text`, the value of a key called `name`, and the first letters of it.

    Where only the name says so it is of "a service": `wandb_api_key` with 20 letters and digits or more.
    `None` if there is none.
    """
    for service, mark, form in FORMS:
        if mark in text and (found := re.search(form, text)):
            return service, found[0][:_SHOWN]
    is_named = any(map(str.isdigit, text)) and re.search(f"(?i){_NAME}", name.replace("-", "_"))
    return ("a service", text[:_SHOWN]) if is_named and re.fullmatch(_VALUE, text) else None


def masked(text: str) -> str:
    """Return `text` with stars for what looks like a key, after its first four characters."""
    for _, mark, form in FORMS:
        if mark in text:
            text = re.sub(form, lambda found: _stars(found[0]), text)
    if "=" in text:
        text = re.sub(_ASSIGNED, lambda found: found[1] + _stars(found[2]), text)
    return text


def _stars(secret: str) -> str:
    return secret[:_SHOWN] + "*" * (len(secret) - _SHOWN)
