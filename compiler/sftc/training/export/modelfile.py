"""The Modelfile of Ollama: the chat template as a Go template, and the tokens that end an answer."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_MARK: Final = "\ue000"
"""What contents of probes are made of: a character that no template prints."""

_PROBES: Final = ("u", "su", "uau", "suau", "uauau", "suauau")
"""Conversations that a Go template must render like the chat template: the first letters of the roles."""

_ROLES: Final = {"s": "system", "u": "user", "a": "assistant"}

_BEGINNING: Final = {
    *("chameleon", "falcon-h1", "falcon3", "jina-v5-nano", "lfm2", "llama-bpe"),
    *("llama-v3", "llama3", "midm-2.0", "pixtral", "tekken"),
}
"""The kinds of byte-pair tokenizers with which llama.cpp begins a text itself if a GGUF file does not say."""


class TemplatePieces(NamedTuple):
    """The texts that a chat template puts around contents.

    Attributes:
        start: what a conversation without a system message begins with.
        system: what is before and after a system message, which is the first.
        user: the same for a question.
        assistant: the same for an answer.
        ask: what asks for an answer.
    """

    start: str
    system: tuple[str, str]
    user: tuple[str, str]
    assistant: tuple[str, str]
    ask: str

    def rendered(self, contents: list[tuple[str, str]]) -> str:
        """Return a conversation of roles and contents, up to where an answer is asked for."""
        text = "" if contents[0][0] == "system" else self.start
        for role, content in contents:
            before, after = getattr(self, role)
            text += before + content + after
        return text + self.ask

    def in_go(self) -> str:
        """Return the template in the language of Ollama."""

        def around(role: str, content: str) -> str:
            before, after = getattr(self, role)
            return f"{before}{{{{ {content} }}}}{after}"

        start = f"{{{{ else }}}}{self.start}" if self.start else ""
        return (
            f"{{{{ if .System }}}}{around('system', '.System')}{start}{{{{ end }}}}"
            f'{{{{ range .Messages }}}}{{{{ if eq .Role "user" }}}}{around("user", ".Content")}'
            f'{{{{ else if eq .Role "assistant" }}}}{around("assistant", ".Content")}'
            f"{{{{ end }}}}{{{{ end }}}}{self.ask}"
        )


class UntranslatableError(ValueError):
    """A chat template does more than put texts around contents."""


def find_pieces(tokenizer: Any) -> TemplatePieces:
    """Return the pieces of the chat template of a tokenizer.

    They are found with probes, and then compared with the chat template on other conversations.

    Raises:
        UntranslatableError: the template does more than that.
    """
    template = tokenizer.chat_template
    if not (template and isinstance(template, str)):
        raise UntranslatableError("the model has no chat template, or several")
    if "strftime_now" in template:
        raise UntranslatableError("the chat template prints the date")
    turns, question, answered = _texts(tokenizer, "uauau"), _texts(tokenizer, "u"), _texts(tokenizer, "suau")
    after_user = _texts(tokenizer, "u", ask=False)[-1]
    after_assistant = _texts(tokenizer, "ua", ask=False)[-1]
    before_user = _cut(turns[2], after_assistant, "")
    found = TemplatePieces(
        _cut(question[0], "", before_user),
        (answered[0], _cut(answered[1], "", before_user)),
        (before_user, after_user),
        (_cut(turns[1], after_user, ""), after_assistant),
        _cut(question[-1], after_user, ""),
    )
    for probe in _PROBES:
        contents = [(_ROLES[each], f"Text {at}, of {each}.") for at, each in enumerate(probe)]
        if found.rendered(contents) != _render_plain(tokenizer, contents):
            raise UntranslatableError("the chat template does more than put texts around messages")
    texts = [found.start, *found.system, *found.user, *found.assistant, found.ask]
    if quoted_value(found.in_go()) is None or any("{{" in each or each.endswith("{") for each in texts):
        raise UntranslatableError("the chat template prints what a Modelfile cannot quote")
    return found


def _render_plain(tokenizer: Any, contents: list[tuple[str, str]], *, ask: bool = True) -> str:
    """Return a conversation as the chat template renders it.

    Raises:
        UntranslatableError: it refuses the conversation.
    """
    from jinja2 import TemplateError

    messages = [{"role": role, "content": content} for role, content in contents]
    try:
        text: str = tokenizer.apply_chat_template(messages, add_generation_prompt=ask, tokenize=False)
    except (TemplateError, TypeError, ValueError) as error:
        raise UntranslatableError(f"the chat template refuses plain conversations: {error}") from error
    return text


def _texts(tokenizer: Any, roles: str, *, ask: bool = True) -> list[str]:
    """Return the texts around the contents of a conversation."""
    contents = [(_ROLES[each], f"{_MARK}{at}{_MARK}") for at, each in enumerate(roles)]
    text = _render_plain(tokenizer, contents, ask=ask)
    found = []
    for _, content in contents:
        before, mark, text = text.partition(content)
        if not mark:
            raise UntranslatableError("the chat template leaves out or moves messages")
        found.append(before)
    return [*found, text]


def _cut(text: str, start: str, end: str) -> str:
    """Return a text without what it starts and ends with."""
    if not (text.startswith(start) and text.endswith(end)):
        raise UntranslatableError("the chat template writes a message in more than one way")
    return text[len(start) : len(text) - len(end)]


def without_begin(pieces: TemplatePieces, token: str) -> TemplatePieces:
    """Return the pieces without the token that begins a text, which llama.cpp adds itself."""
    before, after = pieces.system
    return pieces._replace(start=pieces.start.removeprefix(token), system=(before.removeprefix(token), after))


def quoted_value(text: str) -> str | None:
    """Return a text as a Modelfile has it, or `None` if it cannot have it.

    There are no escapes: three quotes end a text. Ollama leaves out characters that are not printable.
    """
    plain = text.replace("\n", "").replace("\t", "")
    if not text or '"""' in text or not plain.isprintable():
        return None
    quotes = '"""' if '"' in text or "\n" in text else '"'
    return f"{quotes}{text}{quotes}"


def modelfile(file: str, pieces: TemplatePieces | None, stops: list[str], note: str) -> str:
    """Return a Modelfile.

    Args:
        file: the name of the GGUF file beside it.
        pieces: the chat template; `None` leaves it to Ollama, which reads that of the file.
        stops: the texts of the tokens that end an answer. Those that `quoted_value` refuses are left out.
        note: a comment.
    """
    lines = [f"# {' '.join(note.split())}", f"FROM ./{file}"]
    lines += [f"TEMPLATE {quoted_value(pieces.in_go())}"] if pieces else []
    lines += [f"PARAMETER stop {each}" for each in map(quoted_value, stops) if each]
    return "\n".join(lines) + "\n"


def begins_itself(fields: Mapping[str, Any]) -> bool:
    """Return whether llama.cpp begins a text with a token of its own, by the fields of a GGUF file."""
    by_default = (
        fields.get("tokenizer.ggml.model") == "llama" or fields.get("tokenizer.ggml.pre") in _BEGINNING
    )
    return bool(fields.get("tokenizer.ggml.add_bos_token", by_default))
