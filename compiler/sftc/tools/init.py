"""New configs from templates, with the description of each key from the schemas."""

from textwrap import wrap

from sftc.contract.versions import SELECTOR, Contract
from sftc.text.keys import Path
from sftc.tools.config_text import LineComments, comment_line, config_lines

_WIDTH = 88


def write_config(contract: Contract, template: str, schema: str) -> str:
    """Return the config of a template, each key explained; `schema` is what `#:schema` names.

    Raises:
        KeyError: the template does not exist.
    """
    chosen = contract.templates[template]

    def described(path: Path) -> LineComments:
        schema = contract.properties.get(path)
        return LineComments(wrap(schema["description"], _WIDTH) if schema else ())

    title = map(comment_line, wrap(chosen["title"], _WIDTH))
    lines = [f"#:schema {schema}", f"{SELECTOR} = {contract.version}", "", *title]
    lines += config_lines(chosen["config"], described)
    return "\n".join(lines) + "\n"
