"""Every finding the tool can make, by id: the rules of all families."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sftc.rule import Rule
from sftc.rules import (
    batch,
    comments,
    data,
    evaluation,
    forwarded,
    lora,
    parallelism,
    renamed,
    service,
    shape,
    source,
    syntax,
)

FAMILIES: Final = (
    source,
    syntax,
    shape,
    forwarded,
    service,
    lora,
    batch,
    parallelism,
    evaluation,
    data,
    renamed,
    comments,
)

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.id: rule for family in FAMILIES for rule in family.RULES}
)
