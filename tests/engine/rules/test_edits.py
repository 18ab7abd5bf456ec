from typing import TYPE_CHECKING

import msgspec

from engine.errors import Place
from engine.rules.edits import edited
from engine.rules.program import Caller, Quirk
from engine.values import Facts
from engine.wire.json_edit import Edit

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make

HERE = Place("providers.d/p.yaml", 5)


def test_edits_are_made_from_the_virtual_model_to_the_single_model(make: "Make") -> None:
    """Virtual model, provider's quirks, per-model override: the later one has the last word, and drops are told."""
    quirks = (
        Quirk(edit=Edit(set=(("seed", b"2"),)), place=HERE),
        Quirk(edit=Edit(rename=(("max_completion_tokens", "max_tokens"),), drop=("logit_bias",)), place=HERE),
    )
    offer = make.offer(make.provider("p", quirks=quirks), "a/b", edits=(Edit(set=(("seed", b"3"),), drop=("user",)),))
    fields = {
        "user": msgspec.Raw(b'"u"'),
        "logit_bias": msgspec.Raw(b"{}"),
        "max_completion_tokens": msgspec.Raw(b"9"),
    }
    facts = Facts(model="a/b", at=make.at)
    virtual = (Edit(set=(("seed", b"1"),), default=(("temperature", b"0.2"),)),)
    out, dropped = edited(offer, virtual, fields, facts, Caller(id="anyone"))
    assert {name: bytes(raw) for name, raw in out.items()} == {
        "max_tokens": b"9",
        "seed": b"3",
        "temperature": b"0.2",
    }
    assert dropped == ("logit_bias", "user")
    assert set(fields) == {"user", "logit_bias", "max_completion_tokens"}


def test_an_offer_without_edits_gets_the_callers_fields(make: "Make") -> None:
    """Nothing is copied when nothing changes."""
    fields = {"model": msgspec.Raw(b'"a/b"')}
    facts = Facts(model="a/b", at=make.at)
    out, dropped = edited(make.offer(make.provider("p"), "a/b"), (), fields, facts, Caller(id="anyone"))
    assert out is fields
    assert dropped == ()
