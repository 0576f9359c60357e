"""Mistakes that people make in a config: each changes one key or table of it."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from support.configs import anything

_Table = dict[str, Any]


class Place(NamedTuple):
    """A key or a table of a config: the whole config, the table that it is in, and its name there."""

    config: _Table
    table: _Table
    name: str

    @property
    def value(self) -> Any:
        """The value that is there."""
        return self.table[self.name]

    def put(self, value: Any) -> None:
        """Replace the value that is there."""
        self.table[self.name] = value

    def move(self, table: Any, name: str) -> None:
        """Move it to a table, unless the table has that name, or is not one, or is inside of what moves."""
        is_free = isinstance(table, dict) and name not in table
        if is_free and all(table is not each for each in _inside(self.value)):
            table[name] = self.table.pop(self.name)


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _inside(child)


def _places(config: _Table, table: _Table) -> Iterator[Place]:
    for name, value in table.items():
        yield Place(config, table, name)
        if isinstance(value, dict):
            yield from _places(config, value)


def _misspell(draw: st.DrawFn, place: Place) -> None:
    name, at = place.name, draw(st.integers(0, max(len(place.name) - 2, 0)))
    swapped = name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :]
    slips = [swapped, name[:at] + name[at + 1 :], name.capitalize(), name.replace("_", "-")]
    place.move(place.table, draw(st.sampled_from(slips)))


def _misplace(draw: st.DrawFn, place: Place) -> None:
    section = draw(st.sampled_from(["job", "compute", "training", "hyperparameters", "data", "more"]))
    inner = draw(st.sampled_from(["", "", "parallelism", "validation"]))
    table = place.config.setdefault(section, {})
    if inner and isinstance(table, dict):
        table = table.setdefault(inner, {})
    place.move(table, place.name)


_OTHER_NAMES: Final = {
    "data": "data_path",
    "learning_rate": "lr",
    "n_epochs": "epochs",
    "model": "base_model",
}


def _use_another_name(draw: st.DrawFn, place: Place) -> None:
    place.move(place.table, _OTHER_NAMES[place.name])


def _use_an_older_key(draw: st.DrawFn, place: Place) -> None:
    section, name, value = draw(
        st.sampled_from(
            [
                ("job", "poll_seconds", 5),
                ("hyperparameters", "world_size", 8),
                ("training", "use_qlora", True),
                ("training", "use_qlora", False),
                ("hyperparameters", "lora_r", 8),
            ]
        )
    )
    table = place.config.setdefault(section, {})
    if isinstance(table, dict):
        table[name] = value
        if draw(st.booleans()):
            table.pop("mode", None)


def _write_a_float(draw: st.DrawFn, place: Place) -> None:
    place.put(float(place.value))


def _add_blanks(draw: st.DrawFn, place: Place) -> None:
    before, after = draw(st.sampled_from([(" ", ""), ("", " "), ("\t", "\n"), ("", "\u00a0")]))
    place.put(f"{before}{place.value}{after}")


def _write_text(draw: st.DrawFn, place: Place) -> None:
    value = place.value
    if isinstance(value, list):
        place.put(", ".join(map(str, value)))
    else:
        place.put(str(value).lower() if isinstance(value, bool) else str(value))


def _write_anything(draw: st.DrawFn, place: Place) -> None:
    place.put(draw(anything))


def _leave_out(draw: st.DrawFn, place: Place) -> None:
    del place.table[place.name]


def _any(place: Place) -> bool:
    return True


def _is_small(place: Place) -> bool:
    return type(place.value) is int and abs(place.value) < 2**53


def _is_text(place: Place) -> bool:
    return isinstance(place.value, str)


def _has_another_name(place: Place) -> bool:
    return place.name in _OTHER_NAMES


def _has_no_quotes(place: Place) -> bool:
    return isinstance(place.value, bool | int | float | list)


_MISTAKES: Final[tuple[tuple[Callable[[Place], bool], Callable[[st.DrawFn, Place], None]], ...]] = (
    (_any, _misspell),
    (_any, _misplace),
    (_has_another_name, _use_another_name),
    (_any, _use_an_older_key),
    (_is_small, _write_a_float),
    (_is_text, _add_blanks),
    (_has_no_quotes, _write_text),
    (_any, _write_anything),
    (_any, _leave_out),
)
"""Which places a mistake is made at, and the mistake."""


@st.composite
def mistaken(draw: st.DrawFn, config: _Table) -> _Table:
    """Return `config` with up to four mistakes."""
    changed = deepcopy(config)
    for fits, make in draw(st.lists(st.sampled_from(_MISTAKES), max_size=4)):
        if found := [place for place in _places(changed, changed) if fits(place)]:
            make(draw, draw(st.sampled_from(found)))
    return changed
