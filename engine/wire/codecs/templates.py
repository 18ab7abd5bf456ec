"""How a provider is asked whose own file describes its protocol."""

from functools import partial

from engine.hub import Reply
from engine.values import Surface, Usage
from engine.wire.body import finish_as_is
from engine.wire.codecs.conversations import CALLERS
from engine.wire.codecs.shapes import ProviderCodec
from engine.wire.images.values import ImageReply
from engine.wire.template import chat, error, pictures, stream
from engine.wire.template.values import Chat, Pictures, Template

__all__ = ["codec"]


def codec(surface: Surface, template: Template) -> ProviderCodec | None:
    """How the provider is asked on *surface*; None where its template has nothing for it."""
    if surface in CALLERS and template.chat is not None:
        return _chat(template.chat)
    if surface is Surface.IMAGES and template.pictures is not None:
        return _pictures(template.pictures)
    return None


def _chat(said: Chat) -> ProviderCodec:
    streamed = said.stream
    return ProviderCodec(
        path=said.ask.path,
        stream_path=streamed.path if streamed else "",
        finish=finish_as_is,
        encode_request=lambda request, _most, _dialect: chat.encode_request(request, said),
        headers=partial(chat.headers, chat=said),
        decode_reply=partial(chat.decode_reply, chat=said),
        summary=_chat_summary,
        decoder=partial(stream.Decoder, said, streamed) if streamed else partial(stream.WholeDecoder, said),
        read_error=partial(error.read_error, said.ask),
        read_reply_error=partial(error.read_reply_error, said.ask),
        encode_reply=partial(chat.encode_reply, chat=said),
        encoder=lambda _model: stream.Encoder(said, streamed) if streamed else stream.WholeEncoder(said),
    )


def _chat_summary(reply: Reply) -> tuple[str | None, Usage | None]:
    [choice] = reply.choices
    return choice.finish_raw or choice.finish, reply.usage


def _pictures(said: Pictures) -> ProviderCodec:
    return ProviderCodec(
        path=said.ask.path,
        finish=finish_as_is,
        encode_request=lambda request, _most, _dialect: pictures.encode_request(request, said),
        headers=partial(pictures.headers, pictures=said),
        decode_reply=partial(pictures.decode_reply, pictures=said),
        summary=_pictures_summary,
        read_error=partial(error.read_error, said.ask),
        read_reply_error=partial(error.read_reply_error, said.ask),
    )


def _pictures_summary(reply: ImageReply) -> tuple[str | None, Usage | None]:
    return None, reply.usage or Usage()
