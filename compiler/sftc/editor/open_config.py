"""A config that is open in an editor: its findings, and what was known before a change broke it."""

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import NamedTuple

from sftc.checks.config import Config
from sftc.contract.targets import Target
from sftc.contract.versions import EXTENDS, PACKAGED, Contract
from sftc.document.places import Place, Scanner, TooDeep, shifted
from sftc.document.reading import decode_source
from sftc.editor.client_positions import ClientPositions, Encoding
from sftc.findings.finding import Finding, bounded
from sftc.pipeline import Examined, run
from sftc.text.keys import Path
from sftc.text.source import Source, Span
from sftc.tools.explain import KeyAccount, ValueAccount, keys, values
from sftc.tools.lint import lint_examined


class LintChoices(NamedTuple):
    """What a project wants of its configs: the options of `sftc lint` and the chosen target."""

    target: Target
    select: Collection[str] = ()
    ignore: Collection[str] = ()
    model: str | None = None
    estimates: bool = False

    def wants(self, found: Finding) -> bool:
        """Return whether a finding should be shown."""
        return found.id not in self.ignore and (not self.select or found.id in self.select)


class OpenConfig:
    """One state of the text of a config; each change makes another one.

    `findings` are those of `sftc lint`, and `config` is `None` while the text is not TOML. What
    only a text can answer that parses, or compiles, is answered by the last one that did, for the
    lines that have not changed since.
    """

    def __init__(
        self, path: str, text: str, choices: LintChoices, before: "OpenConfig | None" = None
    ) -> None:
        self.choices = choices
        self.source = Source(path, text)
        self.compiled = run(self._read, target=choices.target)
        self.findings = self._findings(Examined(self.compiled.findings, self.compiled.config))
        self.parsed: OpenConfig | None = self if self.config else before and before.parsed
        self.valid: OpenConfig | None = self if self.compiled.ok else before and before.valid

    def _read(self) -> Source:
        decode_source(self.source.name, self.source.text.encode("utf-8", "surrogatepass"))  # or it raises
        return self.source

    def _findings(self, examined: Examined) -> list[Finding]:
        choices = self.choices
        found = lint_examined(self.source, examined, choices.model, estimates=choices.estimates)
        return bounded(filter(choices.wants, found))

    @property
    def config(self) -> Config | None:
        """The document and its contract, `None` while the text is not TOML."""
        return self.compiled.config

    @property
    def contract(self) -> Contract:
        """The version that the config is of, as far as is known."""
        return self.parsed.config.contract if self.parsed and self.parsed.config else PACKAGED.newest

    @property
    def kept_findings(self) -> list[Finding]:
        """The findings of the last text that parsed, on lines that are as they were, if this one does not."""
        if self.config or not self.parsed:
            return []
        moved = ((found, self.moved(found.span)) for found in self.parsed.findings)
        return [found._replace(span=span, fix=None) for found, span in moved if span]

    @cached_property
    def places(self) -> Mapping[Path, Place]:
        """Where each key and value is: in this text, and in lines that are as in the last that parsed."""
        if self.config:
            return self.config.document.scan.places
        try:
            places = dict(Scanner(self.source.text).places)
        except TooDeep:
            places = {}
        if self.parsed and self.parsed is not self:
            for path, place in self.parsed.places.items():
                if path not in places and (moved := self._moved_place(self.parsed.source, place)):
                    places[path] = moved
        return places

    @property
    def extends(self) -> Span:
        """Where the text names the config that it extends; its start if it extends none."""
        place = self.places.get((EXTENDS,))
        start, end = (place.value or place.key) if place else (0, 0)
        return self.source.span(start, end)

    @cached_property
    def keys(self) -> Mapping[Path, KeyAccount]:
        """What becomes of each key, as in the last text that compiled."""
        return {each.path: each for each in keys(self.valid.compiled)} if self.valid else {}

    @cached_property
    def values(self) -> Mapping[str, ValueAccount]:
        """Each value of the payload by its pointer, as in the last text that compiled."""
        return {each.at: each for each in values(self.valid.compiled)} if self.valid else {}

    def moved(self, span: Span) -> Span | None:
        """Return where a span of an earlier text is now; `None` if its lines have changed."""
        earlier = span.source
        if earlier is self.source:
            return span
        shift = self._shift(earlier, span.start, span.end)
        return None if shift is None else self.source.span(span.start + shift, span.end + shift)

    def _moved_place(self, earlier: Source, place: Place) -> Place | None:
        """Return a place in an earlier text as it is in this one; see `moved`."""
        start, end = place.key[0], (place.value or place.key)[1]
        shift = self._shift(earlier, start, end)
        return None if shift is None else shifted(place, shift)

    def _shift(self, earlier: Source, start: int, end: int) -> int | None:
        """Return how far the lines from `start` to `end` of an earlier text have moved, if they are here."""
        if earlier.name != self.source.name or earlier.is_flag:
            return None
        same, tail = self._unchanged(earlier)
        if end < same:
            return 0
        return len(self.source.text) - len(earlier.text) if start >= len(earlier.text) - tail else None

    def _unchanged(self, earlier: Source) -> tuple[int, int]:
        """Return how many characters of whole lines two texts share at their start, and at their end."""
        if earlier not in self._shared:
            old, new = (text.splitlines(keepends=True) for text in (earlier.text, self.source.text))
            most = min(len(old), len(new))
            head = next((at for at in range(most) if old[at] != new[at]), most)
            left = most - head
            tail = next((at for at in range(left) if old[-1 - at] != new[-1 - at]), left)
            sizes = (sum(map(len, old[:head])), sum(map(len, old[len(old) - tail :])))
            self._shared[earlier] = sizes
        return self._shared[earlier]

    def positions(self, encoding: Encoding) -> ClientPositions:
        """Return the positions in the text, in the code units of an editor."""
        if encoding not in self._positions:
            self._positions[encoding] = ClientPositions(self.source.text, encoding)
        return self._positions[encoding]

    @cached_property
    def _positions(self) -> dict[Encoding, ClientPositions]:
        return {}

    @cached_property
    def _shared(self) -> dict[Source, tuple[int, int]]:
        return {}
