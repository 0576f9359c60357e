"""The pipeline, and the place to begin reading: text -> document -> checks -> payload -> bytes.

It is a pure function of the config's text, the texts of the configs that it extends, and the overrides.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sftc.checks.config import Config
from sftc.checks.validate import validate
from sftc.contract.targets import DEFAULT, Target, as_files
from sftc.contract.versions import EXTENDS, PACKAGED, SELECTOR, Contract, Contracts
from sftc.document import reading
from sftc.document.overrides import Override
from sftc.document.toml import Document, overridden, parse
from sftc.findings.finding import ConfigError, Finding, Severity
from sftc.findings.stage_rules.schema import INTEGER_NOT_EXACT, UNKNOWN_SCHEMA_VERSION
from sftc.findings.stage_rules.syntax import OVERRIDE_CONFLICT
from sftc.payload.encoding import FORMS, Format, Payload, digest, to_bytes
from sftc.payload.mapping import check_payload, to_payload
from sftc.payload.origins import Origin, origins
from sftc.text.keys import ABSENT
from sftc.text.source import Source

ConfigSource = str | bytes | os.PathLike[str]
Overrides = Mapping[str, Any] | Iterable[Override]


def compile(
    config: ConfigSource, *, overrides: Overrides = (), version: int | None = None, target: str = DEFAULT
) -> "Compiled":
    """Check a config against the contract and map it to the payload of a target.

    Args:
        config: the TOML text, as `str` or UTF-8 `bytes`, or the path of a file. A `str`
            without a line break and without `=` is a path: no config is as short as
            that. `"-"` is standard input. What a text extends is looked for in the working
            directory.
        overrides: values that override those of the file, by dotted TOML key, such as
            `{"hyperparameters.n_epochs": 3}`; or `Override`s.
        version: the version of the contract for a config without `schema_version`;
            1 by default, as every config in the wild means it.
        target: what to compile to: the payload of the training service by default, or the config of
            another trainer; `sftc targets` lists them.

    Returns:
        The payload and all findings. A bad config raises nothing here: its errors are among
        the findings, and reading `payload` raises them.

    Raises:
        ValueError: `version` or `target` is not known, or TOML cannot represent a value of `overrides`.
    """
    return run(lambda: _source(config), _overrides(overrides), version, target=PACKAGED.target(target))


def run(
    read: Callable[[], Source],
    overrides: Iterable[Override] = (),
    version: int | None = None,
    contracts: Contracts = PACKAGED,
    target: Target | None = None,
) -> "Compiled":
    """Compile what `read` returns, with the versions of the contract in `contracts`; see `compile`."""
    findings, config = examine(read, overrides, version, contracts, [target] if target else [])
    if config is None or any(found.is_error for found in findings):
        return Compiled(findings, config)
    [output] = config.targets
    payload = to_payload(output.mapping, config.values_for(output).values)
    check_payload(payload, output)
    return Compiled(findings, config, payload)


class Examined(NamedTuple):
    """The findings about a config, and the config; `None` if it cannot be read at all."""

    findings: tuple[Finding, ...]
    config: Config | None


def examine(
    read: Callable[[], Source],
    overrides: Iterable[Override] = (),
    version: int | None = None,
    contracts: Contracts = PACKAGED,
    targets: Sequence[Target] = (),
) -> Examined:
    """Parse and check what `read` returns, for the default target or for `targets`, without compiling it."""
    default = contracts.default if version is None else contracts.version(version)
    try:
        document = parse(read(), overrides)
        contract = _select(document, default, contracts)
        if EXTENDS in document.values and (EXTENDS,) in contract.properties:
            document = _extended(document, contract, default, contracts)
        if version is not None:  # the schema of that version may require the key
            document.values.setdefault(SELECTOR, version)
        config = Config(document, contract, contracts, targets)
    except ConfigError as error:
        return Examined(error.findings, None)
    return Examined(tuple(validate(config)), config)


def _source(config: ConfigSource) -> Source:
    if isinstance(config, bytes):
        return reading.decode_source("<text>", config)
    if isinstance(config, os.PathLike) or (config and not set("\r\n=").intersection(config)):
        return reading.read_source(config)
    return reading.decode_source("<text>", config.encode("utf-8", "surrogatepass"))


def _overrides(overrides: Overrides) -> Iterable[Override]:
    if isinstance(overrides, Mapping):
        return [Override.of(key, value) for key, value in overrides.items()]
    return overrides


def _extended(
    document: Document,
    contract: Contract,
    default: Contract,
    contracts: Contracts,
) -> Document:
    """Return the document with the values of the configs that it extends, below its own and its overrides."""
    from sftc.document.bases import with_bases

    if flag := document.override((EXTENDS,)):
        message = (
            f"`{EXTENDS}` is relative to the file that it is written in, so it cannot be set from outside"
        )
        raise ConfigError([OVERRIDE_CONFLICT.finding(flag.key_span(), message, path=(EXTENDS,))])

    def agrees(base: Document) -> bool:
        return _select(base, default, contracts) is contract

    # Without the overrides, which count more than the values of all files.
    extended = with_bases(parse(document.source), EXTENDS, agrees)
    return overridden(extended, document.overrides)


def _select(document: Document, default: Contract, contracts: Contracts) -> Contract:
    path = (SELECTOR,)
    number = document.get(path)
    if number is ABSENT:
        return default
    if type(number) is int and number in contracts.versions:
        return contracts.version(number)
    known = ", ".join(f"`{each}`" for each in contracts.versions)
    message = f"`{SELECTOR}` is `{document.snippet(path)}`, and this release knows only {known}"
    help = f"write one of these; a config without the key is of version {contracts.default.version}"
    raise ConfigError([UNKNOWN_SCHEMA_VERSION.finding(document.span(path), message, path=path, help=help)])


class Compiled:
    """The result of compiling: all findings, in the order of the text, and a payload if none is an error.

    `config` is the document and its contract, `None` if the config cannot be read at all.
    """

    def __init__(
        self, findings: Iterable[Finding], config: Config | None, payload: Payload | None = None
    ) -> None:
        self.findings = tuple(findings)
        self.config = config
        self._payload = payload

    @property
    def ok(self) -> bool:
        """Whether there is a payload."""
        return self._payload is not None

    @property
    def payload(self) -> Payload:
        """The payload, as plain Python values.

        Raises:
            ConfigError: the config has errors.
        """
        if self._payload is None:
            raise ConfigError(self.findings)
        return self._payload

    @cached_property
    def origins(self) -> Mapping[str, Origin]:
        """Where every value of the payload came from, by JSON pointer.

        Raises:
            ConfigError: the config has errors.
        """
        config = self.checked
        return origins(config.document, self.target.mapping, config.values_for(self.target))

    @property
    def target(self) -> Target:
        """What the config was compiled to.

        Raises:
            ConfigError: the config has errors.
        """
        return self.checked.targets[0]

    def files(self, name: str, format: Format | None = None) -> dict[str, bytes]:
        """Return the files that the target's reader takes, by name, the main one first.

        Args:
            name: the name of the config without its suffix; the target names its files after it.
            format: as in `to_bytes`; by default, the form of each file.

        Raises:
            ConfigError: the config has errors, or holds an integer that `jcs` cannot represent.
        """
        payload = self._payload_in(format)
        return {
            file: to_bytes(part, format or FORMS[form][0])
            for file, (form, part) in as_files(self.target, payload, name).items()
        }

    def to_bytes(self, format: Format = "pretty") -> bytes:
        """Return the canonical bytes of the payload.

        Args:
            format: `pretty` indents by two spaces; `compact` is one line; both end in a
                newline. `jcs` is RFC 8785, without a newline. `yaml` is YAML that readers of
                version 1.1 and of 1.2 read alike.

        Raises:
            ConfigError: the config has errors, or, for `jcs`, holds an integer beyond
                2^53, which RFC 8785 cannot represent.
        """
        return to_bytes(self._payload_in(format), format)

    @property
    def digest(self) -> str:
        """`sha256:` and the hexadecimal SHA-256 of the payload's RFC 8785 form.

        Raises:
            ConfigError: the config has errors, or holds an integer beyond 2^53.
        """
        return digest(self._payload_in("jcs"))

    @property
    def checked(self) -> Config:
        """The document and the contract of a config without errors.

        Raises:
            ConfigError: the config has errors.
        """
        if self.config is None or self._payload is None:
            raise ConfigError(self.findings)
        return self.config

    def _payload_in(self, format: Format | None) -> Payload:
        """Return the payload; integers that are not exact stop it in `jcs`, which cannot hold them."""
        payload = self.payload
        if format == "jcs":
            self._refuse_inexact()
        return payload

    def _refuse_inexact(self) -> None:
        sent = [row.path for row in self.target.mapping.rows if row.path]
        refused = [
            found
            for found in self.findings
            if found.id == INTEGER_NOT_EXACT.id and any(found.path[: len(path)] == path for path in sent)
        ]
        if refused:
            raise ConfigError(
                found._replace(severity=Severity.ERROR) if found in refused else found
                for found in self.findings
            )
