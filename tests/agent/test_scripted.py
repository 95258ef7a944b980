from __future__ import annotations

import pytest

from journeyman.agent import ModelError, ScriptExhausted
from journeyman.agent.model import Model
from journeyman.agent.scripted import ScriptedModel

ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a colour."}]


async def test_replies_come_in_order_and_requests_are_kept() -> None:
    model: Model = ScriptedModel(["red", lambda messages: messages[-1]["content"].upper()])
    first = await model.complete(ASK, grammar="root ::= [a-z]+")
    second = await model.complete(ASK)
    assert (first.text, second.text) == ("red", "NAME A COLOUR.")
    assert first.usage.prompt_tokens == 5
    assert first.usage.reply_tokens == 1
    assert isinstance(model, ScriptedModel)
    assert model.asked == [ASK, ASK]
    assert model.grammars == ["root ::= [a-z]+", None]


async def test_running_out_names_the_prompt_that_was_asked() -> None:
    model = ScriptedModel(["red"])
    await model.complete(ASK)
    with pytest.raises(ScriptExhausted, match=r"1 replies and none for request 2.*Name a colour"):
        await model.complete(ASK)
    assert issubclass(ScriptExhausted, ModelError)
    assert issubclass(ScriptExhausted, LookupError)
