"""Characters that a person cannot see: which they are, and how messages show them."""

_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cf"})


def is_invisible(char: str) -> bool:
    """Return whether `char` shows as nothing, or as a space that is not the plain one."""
    import unicodedata

    return char != " " and unicodedata.category(char) in _INVISIBLE


def is_control(char: str) -> bool:
    """Return whether `char` is a control character, such as a tab or a line break."""
    return char < " " or "\x7f" <= char < "\xa0"


def character_name(char: str) -> str:
    """Return the code point of `char`, and its name if it has one: `U+00A0 NO-BREAK SPACE`."""
    import unicodedata

    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X}" + (f" {name}" if name else "")


def escaped_json(text: str) -> str:
    """Return JSON text with invisible and control characters as escapes, which mean the same in JSON."""
    if text.isascii():
        return text
    hidden = {char for char in set(text) if not char.isascii() and (is_control(char) or is_invisible(char))}
    return text.translate({ord(char): _json_escape(char) for char in hidden})


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def visible(text: str) -> str:
    """Return `text` with each invisible character as its code point: `a<U+00A0>b`."""
    if text.isascii():
        return text
    return "".join(f"<U+{ord(char):04X}>" if is_invisible(char) else char for char in text)
