import pytest

from engine.values import Usage
from engine.wire.ollama.usage import encode_usage, usage_of


@pytest.mark.parametrize(
    ("prompt", "written", "usage"),
    [
        (17, 3, Usage(input=17, output=3)),
        (None, 3, Usage(output=3)),
        (17, None, Usage(input=17)),
        (-1, 10**15, Usage()),
        (None, None, None),
    ],
)
def test_counts(prompt: int | None, written: int | None, usage: Usage | None) -> None:
    """A count that is missing, or cannot be one, is zero; without any there is no usage."""
    assert usage_of(prompt, written) == usage


def test_all_kinds_are_counted_when_written() -> None:
    """Ollama has two counts, and nothing falls out of them."""
    usage = Usage(input=1, cached_input=2, cache_write=4, cache_write_1h=8, image_input=16, output=1, reasoning=2)
    assert encode_usage(usage) == {"prompt_eval_count": 31, "eval_count": 3}
