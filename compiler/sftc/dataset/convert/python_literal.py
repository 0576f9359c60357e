"""Reads lists and objects as Python writes them, in which columns of tables often have messages."""

import ast
import math
import re
import warnings
from typing import Any, Final

_MOST: Final = 1 << 20
"""The length of a text that is read, in characters. Its syntax tree takes a hundred times as much memory."""


class NotLiteralError(ValueError):
    """The text is not a value of JSON in Python's notation."""


_NEXT_OBJECT: Final = re.compile(r"\}\n\s*\{")
"""What NumPy writes between the objects of a list. Strings have no line break: they are escaped."""


def python_literal(text: str) -> Any:
    """Return the value of `text`, such as `[{'role': 'user', 'content': None}]`.

    A list of objects may lack its commas, as NumPy writes it and pandas in a CSV table.

    Raises:
        NotLiteralError: it is not a value of JSON, has the same name twice, or is too long.
    """
    if len(text) > _MOST:
        raise NotLiteralError
    try:
        with warnings.catch_warnings(action="ignore"):
            with_commas = _NEXT_OBJECT.sub("}, {", text.strip())
            return _value(ast.parse(with_commas, mode="eval").body)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise NotLiteralError from error


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() | str() | int() | None):
            return node.value
        case ast.Constant(value=float() as number) if math.isfinite(number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return -_value(node.operand)
        case ast.List():
            return [*map(_value, node.elts)]
        case ast.Dict():
            names = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            if all(isinstance(name, str) for name in names) and len({*names}) == len(names):
                return dict(zip(names, map(_value, node.values), strict=True))
    raise NotLiteralError
