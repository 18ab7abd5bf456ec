from engine.values import Measures, Usage
from engine.wire.images.stream import ImageStream

PARTIAL = (
    b'event: image_generation.partial_image\ndata: {"type":"image_generation.partial_image","b64_json":"iVBO"}\n\n'
)
COMPLETED = (
    b'event: image_generation.completed\ndata: {"type":"image_generation.completed","b64_json":"iVBORw0K","usage":'
    b'{"total_tokens":100,"input_tokens":50,"output_tokens":50,'
    b'"input_tokens_details":{"text_tokens":10,"image_tokens":40}}}\n\n'
)


def test_a_picture_is_finished_once() -> None:
    """Unfinished pictures go out and count nothing; the finished one counts, with its tokens."""
    stream = ImageStream()
    assert stream.feed(PARTIAL) == PARTIAL
    assert stream.measures == Measures()
    assert stream.feed(COMPLETED) + stream.close() == COMPLETED
    assert stream.measures == Measures(images=1)
    assert stream.usage == Usage(input=10, image_input=40, image_output=50)


def test_edits_and_several_pictures() -> None:
    """Each picture that is wanted has an end of its own, under the surface's own name."""
    stream = ImageStream()
    edited = COMPLETED.replace(b"image_generation", b"image_edit")
    assert stream.feed(edited + edited) + stream.close() == edited + edited
    assert stream.measures == Measures(images=2)
