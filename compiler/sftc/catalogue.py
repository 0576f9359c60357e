"""Every finding the tool can make, by id: the rules of all families."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sftc.findings.rule import Rule
from sftc.findings.rules import comments, files, schema, syntax
from sftc.rules import batch, data, evaluation, forwarded, lora, parallelism, renamed, service

FAMILIES: Final = (
    files,
    syntax,
    schema,
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
