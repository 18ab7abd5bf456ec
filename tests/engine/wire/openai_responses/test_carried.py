import json
from typing import Any

import pytest

from engine.errors import BadRequest
from engine.wire import estimate
from engine.wire.openai_responses.carried import carried_by
from engine.wire.openai_responses.envelope import read_envelope


def carried(*parts: Any) -> estimate.Media:
    body = {"model": "m", "input": [{"role": "user", "content": list(parts)}]}
    return carried_by(read_envelope(json.dumps(body).encode()).fields)


def test_pictures_and_files_are_counted_by_what_they_are() -> None:
    """A picture counts as one whatever its size; a file by the pages its data may have."""
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 9_000}
    file = {"type": "input_file", "file_data": "A" * 400_000}

    assert carried(picture).tokens == estimate.IMAGE_TOKENS
    assert carried(picture).images
    assert carried(file).tokens[1] == 4 * estimate.FILE_TOKENS_PER_PAGE[1]
    assert carried(file, {"type": "input_file", "file_id": "f"}).files
    assert carried({"type": "input_text", "text": "a"}) == estimate.NO_MEDIA


def test_pictures_of_tools_are_counted() -> None:
    """What a tool answers may be a list of parts as well."""
    item = {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": "u"}]}
    envelope = read_envelope(json.dumps({"model": "m", "input": [item]}).encode())

    assert envelope.has_images


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_an_input_that_is_kept_elsewhere(name: str) -> None:
    """Without an input there has to be something else that brings one."""
    assert read_envelope(json.dumps({"model": "m", name: "x"}).encode()).input_tokens_high > 0
    with pytest.raises(BadRequest, match="input is missing"):
        read_envelope(b'{"model": "m"}')
