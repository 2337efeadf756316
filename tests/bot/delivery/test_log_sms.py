"""Without a gateway an SMS goes to the log, and nothing of it but its id and length."""

import logging

import pytest

from bot.delivery.base import Letter
from bot.delivery.sms import LogSms
from recruiting.chat import Message


async def test_the_default_way_of_sms_takes_everything_and_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    letter = Letter("sms", "+8613800001234", None, Message("李梅，您好"))
    with caplog.at_level(logging.INFO):
        sent = await LogSms().deliver(letter, "m1", again=False)
    assert "m1" == sent.id
    (record,) = caplog.records
    assert ("sms", "m1", 5) == (record.getMessage(), record.__dict__["outgoing"], record.__dict__["characters"])
