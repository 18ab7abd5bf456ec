"""What the writer may have meant."""

import pytest

from engine.config.suggest import did_you_mean, nearest


@pytest.mark.parametrize(("word", "meant"), [("schme", "scheme"), ("cerebrs", "cerebras"), ("zzz", None), ("", None)])
def test_the_nearest_word(word: str, meant: str | None) -> None:
    """A slip of the finger is recognised, and a different word is not bent into one that exists."""
    assert nearest(word, ["scheme", "secret", "cerebras"]) == meant


def test_no_hint_is_better_than_a_wrong_one() -> None:
    """Nothing is suggested where nothing comes close."""
    assert did_you_mean("zzz", ["scheme"]) == ""


def test_many_names_are_not_all_compared() -> None:
    """With five thousand names the suggestion is still found among those that begin alike."""
    names = [f"org{i}/model" for i in range(5000)]
    assert nearest("special/modle", [*names, "special/model"]) == "special/model"
