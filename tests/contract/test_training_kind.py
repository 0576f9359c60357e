"""The words for a kind of training mean the same wherever they are read."""

from sftc.contract.training_kind import says_adapter
from sftc.contract.versions import PACKAGED


def test_the_words_agree_with_those_of_the_table_of_version_2() -> None:
    [choice] = PACKAGED.version(2).upgrade.choices
    for words in choice.words:
        kinds = {value != "full" for value in words.values}
        meant = kinds.pop() if len(kinds) == 1 else None
        for word in (*words.begins, *words.inside):
            assert says_adapter(word) is says_adapter(f"{word}_x") is meant, word
