"""One answer of a stream while it comes in: deltas → the hub's events, tool calls told apart.

Calls come in pieces that name their call by `index`. Look-alikes leave the index out (old Mistral), give every call the
same one, repeat id and name on each piece, or leave them empty on later pieces (Mistral, DashScope).
"""

from typing import Any

import msgspec

from engine import hub
from engine.wire.openai_chat.annotations import citations
from engine.wire.openai_chat.content import read_content, read_media
from engine.wire.openai_chat.message import Call, CallNames, Named, Said
from engine.wire.openai_chat.reasoning import Detail, is_seal, read_details, signature_in
from engine.wire.openai_chat.reply import finish_of

__all__ = ["ChoiceDelta", "OpenChoice"]

LEGACY = -1
"""Stands for the index of a `function_call`, which has none, since there is only one."""

_NAMELESS = Named()


class ChoiceDelta(msgspec.Struct, gc=False):
    """What a chunk says of one answer."""

    index: int | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")
    usage: Any = None


class _OpenCall:
    """A tool call on its way in. Its `CallOpened` goes out once its name is known."""

    __slots__ = ("argued", "custom", "held", "number", "signature", "told", "wire_id")

    def __init__(self, number: int) -> None:
        self.number = number
        self.wire_id = ""
        """As the provider has it."""
        self.custom = False
        self.signature = ""
        self.held = ""
        """Arguments that came before the name."""
        self.told = False
        self.argued = False


class OpenChoice:
    """One of the answers. `take` its part of each chunk, then `close` it; events are appended to a list."""

    __slots__ = ("_by_index", "_calls", "_finished", "_index", "_names", "_signatures", "_thinks")

    def __init__(self, index: int, names: CallNames) -> None:
        self._index = index
        self._names = names
        self._calls: list[_OpenCall] = []
        self._by_index: dict[int, _OpenCall] = {}
        self._signatures: dict[str, Detail] = {}
        """Signatures of calls yet to come, by the call's id: OpenRouter sends Gemini's ahead of the call."""
        self._thinks = False
        """Whether a signature may still close the words of reasoning that have come."""
        self._finished = False

    @property
    def finished(self) -> bool:
        """The provider has said why it ended."""
        return self._finished

    def take(self, choice: ChoiceDelta, out: list[hub.Event]) -> None:
        """Append the events of one chunk. Only the first finish counts: OpenRouter sends it twice."""
        if memoryview(choice.logprobs)[0] == ord("{"):
            out.append(hub.LogProbs(logprobs=choice.logprobs, choice=self._index))
        if choice.delta is not None:
            self._say(choice.delta, out)
        raw = choice.finish_reason
        if raw and not self._finished:
            self.close(out)
            self._finished = True
            finish = finish_of(raw, has_calls=bool(self._calls)) or hub.Finish.STOP
            met = choice.stop_reason if isinstance(choice.stop_reason, str) else ""
            out.append(hub.Finished(finish=finish, finish_raw=raw, stop_sequence=met, choice=self._index))

    def close(self, out: list[hub.Event]) -> None:
        """Append what was held back: nameless calls, `{}` for calls without arguments, signatures no call claimed."""
        for call in self._calls:
            if not call.told:
                self._tell(call, "", out)
            if not (call.argued or call.custom):
                call.argued = True
                out.append(hub.CallDelta(call=call.number, arguments="{}", choice=self._index))
        out += [
            hub.ThinkingSigned(redacted=detail.redacted, origin=detail.origin, id=detail.id, choice=self._index)
            for detail in self._signatures.values()
        ]
        self._signatures.clear()

    def _say(self, said: Said, out: list[hub.Event]) -> None:
        if said.reasoning_content or said.reasoning or said.reasoning_details:
            self._think(said, out)
        content = said.content
        signature = signature_in(said.extra_content) if said.extra_content else ""
        if isinstance(content, str):
            if content:
                self._thinks = False
                out.append(hub.TextDelta(text=content, choice=self._index, signature=signature))
        elif content:
            self._list(content, out)
        if said.refusal:
            out.append(hub.RefusalDelta(text=said.refusal, choice=self._index))
        if said.audio or said.images or said.annotations:
            self._more(said, out)
        calls = said.tool_calls or _legacy(said)
        for call in calls:
            self._call(call, "" if content else signature, out)
        if signature and not (content or calls):
            out.append(hub.TextDelta(text="", choice=self._index, signature=signature))

    def _think(self, said: Said, out: list[hub.Event]) -> None:
        """The words count only where the details have none: where both have them, they say the same."""
        details = list(read_details(said.reasoning_details)) if said.reasoning_details else []
        if said.words and not any(detail.text for detail in details):
            details.insert(0, Detail(text=said.words))
        for detail in details:
            if detail.text:
                self._thinks = True
                out.append(hub.ThinkingDelta(text=detail.text, choice=self._index))
            if detail.redacted and detail.id and detail.origin == "gemini":
                self._signatures[detail.id] = detail
            elif detail.signature or detail.redacted:
                self._sign(detail, out)

    def _sign(self, detail: Detail, out: list[hub.Event]) -> None:
        signature, redacted = detail.signature, detail.redacted
        if self._thinks and is_seal(detail):
            signature, redacted = redacted, ""
        self._thinks = self._thinks and not signature
        out.append(
            hub.ThinkingSigned(
                signature=signature, redacted=redacted, origin=detail.origin, id=detail.id, choice=self._index
            )
        )

    def _list(self, content: list[Any], out: list[hub.Event]) -> None:
        """Mistral's content: reasoning and text as parts of a list."""
        for part in read_content(content):
            match part:
                case hub.Text():
                    self._thinks = False
                    out.append(hub.TextDelta(text=part.text, choice=self._index))
                case hub.Thinking() if part.text:
                    self._thinks = True
                    out.append(hub.ThinkingDelta(text=part.text, choice=self._index))
                case hub.Refusal():
                    out.append(hub.RefusalDelta(text=part.text, choice=self._index))
                case hub.Media():
                    out.append(hub.MediaArrived(media=part, choice=self._index))
                case hub.Foreign():
                    out.append(part)

    def _more(self, said: Said, out: list[hub.Event]) -> None:
        match said.audio:
            case {"transcript": str(text)} if text:
                out.append(hub.TextDelta(text=text, choice=self._index))
        match said.audio:
            case {"data": str(data), **more} if data:
                name = more.get("id")
                sound = hub.Media(kind="audio", data=data, name=name if isinstance(name, str) else "")
                out.append(hub.MediaArrived(media=sound, choice=self._index))
        for image in said.images if isinstance(said.images, list) else ():
            media = read_media(image)
            if media is not None:
                out.append(hub.MediaArrived(media=media, choice=self._index))
        out += [hub.Cited(citation=citation, choice=self._index) for citation in citations(said.annotations)]

    def _call(self, piece: Call, signature: str, out: list[hub.Event]) -> None:
        named = piece.custom if piece.custom is not None and piece.custom.name else piece.function or piece.custom
        named = named or _NAMELESS
        call = self._of(piece, named.name or "")
        call.wire_id = call.wire_id or piece.id or ""
        arguments = named.text
        if not call.told:
            call.custom = call.custom or named is piece.custom
            call.signature = (
                call.signature or signature_in(piece.extra_content) or (signature if not call.number else "")
            )
            call.held += arguments
            if named.name:
                self._tell(call, named.name, out)
        elif arguments:
            call.argued = True
            out.append(hub.CallDelta(call=call.number, arguments=arguments, choice=self._index))

    def _of(self, piece: Call, name: str) -> _OpenCall:
        """The call that *piece* belongs to; a new one if it begins one."""
        known = self._known(piece, name)
        if known is None or (name and piece.id and known.wire_id and piece.id != known.wire_id):
            known = _OpenCall(len(self._calls))
            self._calls.append(known)
        if piece.index is not None:
            self._by_index[piece.index] = known
        return known

    def _known(self, piece: Call, name: str) -> _OpenCall | None:
        if piece.index is not None:
            return self._by_index.get(piece.index)
        if piece.id:
            return next((call for call in self._calls if call.wire_id == piece.id), None)
        return self._calls[-1] if self._calls and not name else None

    def _tell(self, call: _OpenCall, name: str, out: list[hub.Event]) -> None:
        call.told = True
        ahead = self._signatures.pop(call.wire_id, None)
        out.append(
            hub.CallOpened(
                call=call.number,
                id=self._names(call.wire_id, name),
                name=name,
                custom=call.custom,
                signature=call.signature or (ahead.redacted if ahead else ""),
                choice=self._index,
            )
        )
        if call.held:
            call.argued = True
            out.append(hub.CallDelta(call=call.number, arguments=call.held, choice=self._index))


def _legacy(said: Said) -> list[Call]:
    """A `function_call` as a piece of a tool call; empty where there is none."""
    legacy = said.function_call
    return [Call(index=LEGACY, function=legacy)] if legacy and (legacy.name or legacy.arguments) else []
