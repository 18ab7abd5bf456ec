"""A caller's sound to be transcribed or translated: a form, in OpenAI's protocol, as far as routing looks into it."""

from engine.errors import BadRequest
from engine.wire.body import missing
from engine.wire.upload import Upload, finish, read_upload

__all__ = ["finish", "read_envelope"]


def read_envelope(request: bytes, content_type: str) -> Upload:
    """The request that *request* is.

    The sound is in `file`. Some providers take a `url`, `file_url` or `file_id` instead; who has none of them is told.

    Raises:
        BadRequest: it is no form, or a field that routing needs is missing or of the wrong type; `param` names it.
    """
    upload = read_upload(request, content_type)
    has_file = any(part.name == "file" and part.filename is not None for part in upload.parts)
    if not has_file and not {"url", "file_url", "file_id"} & upload.fields.keys():
        if "file" in upload.fields:
            raise BadRequest("file must be a file, with a file name", code="invalid_type", param="file")
        raise missing("file")
    return upload
