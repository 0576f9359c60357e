"""Strings that look like a key of a well-known service, and how they are shown."""

import re
from typing import Final, NamedTuple

_SHOWN = 4


class SecretForm(NamedTuple):
    """The form of one kind of secret; `mark` is in all of them. A group in the form is the secret."""

    what: str
    mark: str
    form: str


FORMS: Final = (
    SecretForm("a key of Hugging Face", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    SecretForm("a key of Hugging Face", "api_org_", r"\bapi_org_[A-Za-z0-9]{30,}"),
    SecretForm("a key of Weights & Biases", "wandb_v1_", r"\bwandb_v1_[A-Za-z0-9_]{40,}"),
    SecretForm("a key of Anthropic", "sk-ant-", r"\bsk-ant-[A-Za-z0-9_-]{32,}"),
    SecretForm("a key of OpenRouter", "sk-or-", r"\bsk-or-[A-Za-z0-9_-]{32,}"),
    SecretForm("a key of OpenAI", "sk-", r"\bsk-(?!ant-|or-)[A-Za-z0-9_-]{32,}"),
    SecretForm("a key of AWS", "AKIA", r"\bAKIA[A-Z0-9]{16}\b"),
    SecretForm("a key of AWS", "ASIA", r"\bASIA[A-Z0-9]{16}\b"),
    SecretForm("a key of Google", "AIza", r"\bAIza[A-Za-z0-9_-]{35}"),
    SecretForm("a key of GitHub", "gh", r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    SecretForm("a key of GitHub", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{40,}"),
    SecretForm("a key of GitLab", "glpat-", r"\bglpat-[A-Za-z0-9_.-]{20,}"),
    SecretForm("a key of Slack", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{20,}"),
    SecretForm("a key of Stripe", "_live_", r"\b[rs]k_live_[A-Za-z0-9]{20,}"),
    SecretForm("a key of Groq", "gsk_", r"\bgsk_[A-Za-z0-9]{40,}"),
    SecretForm("a key of Replicate", "r8_", r"\br8_[A-Za-z0-9]{37,}"),
    SecretForm("a key of NVIDIA", "nvapi-", r"\bnvapi-[A-Za-z0-9_-]{40,}"),
    SecretForm("a key of Databricks", "dapi", r"\bdapi[a-f0-9]{32}"),
    SecretForm("a key of Fireworks", "fw_", r"\bfw_[A-Za-z0-9]{20,}"),
    SecretForm("a key of Together", "tgp_v1_", r"\btgp_v1_[A-Za-z0-9_-]{30,}"),
    SecretForm("a key of PyPI", "pypi-", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    SecretForm("a key of npm", "npm_", r"\bnpm_[A-Za-z0-9]{36,}"),
    SecretForm("a private key", "PRIVATE KEY-----", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*"),
    SecretForm("a password in a URL", "://", r"://[^\s/:@]*:([^\s/@${<][^\s/@]{2,})@"),
    SecretForm("a signed token", "eyJ", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
)

_SHORTEST_FORM = 16
_NAME = r"(?:api_?key|access_?key|secret|token(?!i)|credential)"
_PERSONAL = r"password|passwd|passphrase"
_VALUE = r"[A-Za-z0-9+/=_.-]{20,}"
_ASSIGNED = (
    rf"""(?i)(?:{_NAME}(?:_?(?:key|id))?|{_PERSONAL})["']?\s*=\s*["']([^"'\s]{{8,}})"""  # as TOML writes it
)


def find_secret(text: str, name: str) -> tuple[str, str] | None:
    """Return what kind of secret is in `text`, the value of a key called `name`, and its first letters.

    Without a form of its own, a secret is known by the name of its key: `wandb_api_key` with 20
    letters and digits or more, `password` with 8. `None` if there is none.
    """
    if len(text) >= _SHORTEST_FORM:
        for what, mark, form in FORMS:
            if mark in text and (found := re.search(form, text)):
                return what, found[found.lastindex or 0][:_SHOWN]
    if not any(map(str.isdigit, text)) or not any(map(str.isalpha, text)):
        return None
    plain = name.lower().replace("-", "_")
    is_named = re.search(_NAME, plain) and re.fullmatch(_VALUE, text)
    is_password = re.search(_PERSONAL, plain) and re.fullmatch(r"\S{8,}", text)
    return ("a secret key", text[:_SHOWN]) if is_named or is_password else None


def masked(text: str) -> str:
    """Return `text` with stars for what looks like a key, after its first four characters."""
    for _, mark, form in FORMS:
        if mark in text:
            text = re.sub(form, _stars, text)
    if "=" in text:
        text = re.sub(_ASSIGNED, _stars, text)
    return text


def _stars(found: re.Match[str]) -> str:
    """Return what was found with stars for its last group, or for all of it."""
    start, end = (each - found.start() for each in found.span(found.lastindex or 0))
    shown = min(start + _SHOWN, end)
    return found[0][:shown] + "*" * (end - shown) + found[0][end:]
