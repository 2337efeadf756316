"""Tokens in links: random, found by their digest, readable only with the candidate's key; and buttons' opaque keys."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from storage.applications import Loaded
from storage.tables import ApplicationRow, ButtonRow, Link
from storage.unit import Unit, rows_of

CHAT_LINK_LIFE = timedelta(days=30)  # renewed whenever the link is sent again
DEED_LIFE = timedelta(days=7)  # of a link that does something, in a group without buttons
PAGE_LIFE = timedelta(days=30)  # after the application has ended


_OF_APPLICATIONS = select(Link).where(Link.c.application_id.in_(bindparam("ids", expanding=True)))


def digest(token: str) -> str:
    """How a token is looked up. The token has 128 random bits, so a plain hash gives nothing away."""
    return hashlib.sha256(token.encode()).hexdigest()


async def token_for(unit: Unit, loaded: Loaded, kind: str, *, at: tuple[str, int] | None = None) -> str:
    """The token of this kind (invite, chat, provider) for the visit `at`, or the present one; made at the first need.

    A chat token belongs to the application as a whole, whatever its stage.
    """
    stage, visit = at or (loaded.application.stage, loaded.application.visit)
    if kind == "chat":
        stage, visit = "", 0
    place = (loaded.id, stage, visit, kind)
    if place in unit.tokens:
        return unit.tokens[place]
    token = unit.tokens[place] = await _token(unit, loaded, kind, stage, visit)
    return token


async def _token(unit: Unit, loaded: Loaded, kind: str, stage: str, visit: int) -> str:
    place = (stage, visit, kind)
    known = unit.links[loaded.id].get(place) if loaded.id in unit.links else await unit.one(_at(loaded.id, *place))
    expires = unit.now + CHAT_LINK_LIFE if kind == "chat" else None
    if known is not None:
        if expires is not None:
            await unit.run(update(Link).where(Link.c.digest == known["digest"]).values(expires_at=expires))
        return loaded.box.open(known["token"], f"links.token:{loaded.id}").decode()
    token = secrets.token_urlsafe(16)
    unit.add(
        Link,
        digest=digest(token),
        kind=kind,
        token=loaded.box.seal(token.encode(), f"links.token:{loaded.id}"),
        candidate_id=loaded.candidate_id,
        application_id=loaded.id,
        stage=stage,
        visit=visit,
        created_at=unit.now,
        expires_at=expires,
    )
    return token


def _at(application_id: str, stage: str, visit: int, kind: str) -> Any:
    at = (
        (Link.c.application_id == application_id)
        & (Link.c.stage == stage)
        & (Link.c.visit == visit)
        & (Link.c.kind == kind)
    )
    return select(Link).where(at)


async def preload_links(unit: Unit, applications: Sequence[str]) -> None:
    """Read the links of many applications at once: those that are not there yet are then made without a look."""
    if not applications:
        return
    await unit.flush()
    found = rows_of(await unit.connection.execute(_OF_APPLICATIONS, {"ids": list(applications)}))
    unit.links |= {id: {} for id in applications}
    for row in found:
        unit.links[row["application_id"]][(row["stage"], row["visit"], row["kind"])] = row


async def find(unit: Unit, token: str, *kinds: str) -> Mapping[str, Any] | None:
    """The link with this token: its row with the application's `status` and `ended_at`; None when it is unknown."""
    statement = (
        select(Link, ApplicationRow.c.status, ApplicationRow.c.ended_at)
        .join(ApplicationRow, ApplicationRow.c.id == Link.c.application_id)
        .where(Link.c.digest == digest(token), Link.c.kind.in_(kinds))
    )
    return await unit.one(statement)


def button_key(verb: str) -> str:
    """A fresh key for a button: opaque, short enough for every platform (64 bytes)."""
    return f"{verb}:{secrets.token_urlsafe(16)}"


def add_button(
    unit: Unit,
    key: str,
    *,
    member_id: str | None = None,
    candidate_id: str | None = None,
    application_id: str | None = None,
    stage: str = "",
    visit: int = 0,
    subject: str = "",
    message_id: str | None = None,
) -> None:
    """Remember what a button does, and for whom."""
    unit.add(
        ButtonRow,
        key=key,
        member_id=member_id,
        candidate_id=candidate_id,
        application_id=application_id,
        stage=stage,
        visit=visit,
        subject=subject,
        message_id=message_id,
        created_at=unit.now,
        used_at=None,
    )


async def find_button(unit: Unit, key: str) -> Mapping[str, Any] | None:
    """The button with this key. Whether the person who tapped is its receiver is for the caller to check."""
    return await unit.one(select(ButtonRow).where(ButtonRow.c.key == key))


async def use_button(unit: Unit, key: str) -> bool:
    """Use up what acts once. False: somebody was quicker."""
    unused = (ButtonRow.c.key == key) & ButtonRow.c.used_at.is_(None)
    return await unit.run(update(ButtonRow).where(unused).values(used_at=unit.now)) > 0


async def forget_buttons(unit: Unit, candidate_id: str) -> None:
    """A candidate is gone: no button of theirs does anything any more."""
    await unit.run(delete(ButtonRow).where(ButtonRow.c.candidate_id == candidate_id))
