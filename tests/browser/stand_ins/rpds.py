"""What jsonschema and referencing need of rpds, in Python: its build for browsers is on no registry."""

from typing import Any


class HashTrieMap(dict[Any, Any]):
    """A map whose changes are new maps."""

    @classmethod
    def convert(cls, value: Any) -> "HashTrieMap":
        return cls(value)

    def insert(self, key: Any, value: Any) -> "HashTrieMap":
        return HashTrieMap({**self, key: value})

    def remove(self, key: Any) -> "HashTrieMap":
        return HashTrieMap({name: value for name, value in self.items() if name != key})

    def update(self, *args: Any, **kwargs: Any) -> "HashTrieMap":  # type: ignore[override]  # it returns a map
        return HashTrieMap({**self, **dict(*args, **kwargs)})


class HashTrieSet(frozenset[Any]):
    """A set whose changes are new sets."""

    def insert(self, value: Any) -> "HashTrieSet":
        return HashTrieSet({*self, value})

    def remove(self, value: Any) -> "HashTrieSet":
        return HashTrieSet(self - {value})

    def update(self, *values: Any) -> "HashTrieSet":
        return HashTrieSet(self.union(*values))


class List(tuple[Any, ...]):
    """A list whose changes are new lists."""

    __slots__ = ()

    def push_front(self, value: Any) -> "List":
        return List((value, *self))
