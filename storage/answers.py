"""Answers given to somebody who waits: the same request again gets the same answer."""

from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import select

from storage.keys import Unsealable
from storage.tables import GivenAnswer
from storage.unit import Unit


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, and whether the request was the same as the one asked about."""

    status: int
    body: Any
    same_request: bool


async def earlier(unit: Unit, caller: str, key: str, request: bytes) -> Answer | None:
    """What `caller` was answered under this key, or None. Nobody else can use the key until the transaction ends."""
    name = _name(unit, caller, key)
    await unit.ground.database.lock(unit.connection, f"answer:{name}")
    row = await unit.one(select(GivenAnswer).where(GivenAnswer.c.key == name))
    if row is None:
        return None
    try:
        box = await unit.ground.days.existing(unit.connection, row["day"])
    except Unsealable:
        return None  # its day's key is gone, long after the time for which answers are kept
    body = orjson.loads(box.open(row["body"], f"given_answers.body:{name}"))
    return Answer(row["status"], body, row["fingerprint"] == _fingerprint(unit, request))


async def keep(unit: Unit, caller: str, key: str, request: bytes, status: int, body: Any) -> None:
    """Remember an answer in the transaction that it tells of. The day's key must have been made before."""
    name, day = _name(unit, caller, key), unit.ground.today(unit.now)
    box = await unit.ground.days.existing(unit.connection, day)
    unit.add(
        GivenAnswer,
        key=name,
        fingerprint=_fingerprint(unit, request),
        status=status,
        day=day,
        body=box.seal(orjson.dumps(body), f"given_answers.body:{name}"),
        at=unit.now,
    )


def _name(unit: Unit, caller: str, key: str) -> str:
    return unit.ground.keyring.digest("answer", f"{caller}\0{key}")


def _fingerprint(unit: Unit, request: bytes) -> str:
    """Keyed, because a request holds a phone number, and those can be guessed."""
    return unit.ground.keyring.digest("request", request.decode())
