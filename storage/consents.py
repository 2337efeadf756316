"""What a person agreed to or refused, once a purpose. Asked once; holds until withdrawn."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from storage.tables import Consent, ConsentText
from storage.unit import Unit


async def of(unit: Unit, candidate_id: str, purpose: str) -> Mapping[str, Any] | None:
    """What is known about a purpose, or None when the person was never asked."""
    where = (Consent.c.candidate_id == candidate_id) & (Consent.c.purpose == purpose)
    return await unit.one(select(Consent).where(where))


def holds(consent: Mapping[str, Any] | None) -> bool:
    """Whether it was given and not taken back since."""
    return consent is not None and consent["given_at"] is not None and consent["withdrawn_at"] is None


async def given(unit: Unit, candidate_id: str, purpose: str) -> bool:
    """Whether the person agrees to this purpose now."""
    return holds(await of(unit, candidate_id, purpose))


async def latest(unit: Unit, candidate_id: str) -> str | None:
    """The purpose that the person was asked about last."""
    asked = select(Consent.c.purpose).where(Consent.c.candidate_id == candidate_id)
    row = await unit.one(asked.order_by(Consent.c.asked_at.desc()).limit(1))
    return row["purpose"] if row else None


async def shown(unit: Unit, text: str, locale: str) -> str:
    """Keep a text as it was shown, word for word; its digest is the version that somebody agrees to."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    unit.add(ConsentText, digest=digest, text=text, locale=locale, first_shown_at=unit.now)
    return digest


async def text_of(unit: Unit, digest: str) -> str | None:
    """The text that a digest stands for."""
    row = await unit.one(select(ConsentText.c.text).where(ConsentText.c.digest == digest))
    return str(row["text"]) if row else None


async def ask(unit: Unit, candidate_id: str, purpose: str, text_digest: str) -> None:
    """Remember that the person was asked, and with which text; who was asked before sees the newest one."""
    unit.add(
        Consent,
        candidate_id=candidate_id,
        purpose=purpose,
        asked_at=unit.now,
        text_digest=text_digest,
        given_at=None,
        declined_at=None,
        withdrawn_at=None,
    )
    open_ = (Consent.c.candidate_id == candidate_id) & (Consent.c.purpose == purpose) & Consent.c.given_at.is_(None)
    await unit.run(update(Consent).where(open_).values(text_digest=text_digest))


async def give(unit: Unit, candidate_id: str, purpose: str, text_digest: str) -> None:
    """The person agrees, having seen the text of this digest."""
    await ask(unit, candidate_id, purpose, text_digest)
    key = {"candidate_id": candidate_id, "purpose": purpose}
    await unit.set(Consent, key, text_digest=text_digest, given_at=unit.now, declined_at=None, withdrawn_at=None)


async def refuse(unit: Unit, candidate_id: str, purpose: str, text_digest: str) -> bool:
    """The person says no, or takes their consent back; True in the second case. What they agreed to stays known."""
    was_given = await given(unit, candidate_id, purpose)
    await ask(unit, candidate_id, purpose, text_digest)
    key = {"candidate_id": candidate_id, "purpose": purpose}
    if was_given:
        await unit.set(Consent, key, withdrawn_at=unit.now)
    else:
        await unit.set(Consent, key, declined_at=unit.now)
    return was_given
