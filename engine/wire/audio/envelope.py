"""A caller's sound to transcribe or translate, a form in OpenAI's protocol, as far as routing looks into it."""

from engine.errors import BadRequest
from engine.wire.body import missing
from engine.wire.multipart import Form, read_parts
from engine.wire.upload import Upload, finish, read_upload

__all__ = ["finish", "read_envelope", "read_form"]


def read_envelope(request: bytes, content_type: str) -> Upload:
    """The request in *request*. Raises as `read_form` does, and BadRequest where it is no form."""
    return read_form(read_parts(request, content_type))


def read_form(form: Form) -> Upload:
    """The request in *form*.

    The sound is in `file`. Some providers take a `url`, `file_url` or `file_id` instead; a form with none is refused.

    Raises:
        BadRequest: it could not be read, or a field that routing needs is missing or of the wrong type; `param` names
            the field.
    """
    upload = read_upload(form)
    has_file = any(part.name == "file" and part.filename is not None for part in upload.parts)
    if not has_file and not {"url", "file_url", "file_id"} & upload.fields.keys():
        if "file" in upload.fields:
            raise BadRequest("file must be a file, with a file name", code="invalid_type", param="file")
        raise missing("file")
    return upload
