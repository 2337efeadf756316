"""What a person agreed to or refused, once a purpose. Asked once; holds until withdrawn."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from storage.tables import Consent
from storage.unit import Unit


async def of(unit: Unit, candidate_id: str, purpose: str) -> Mapping[str, Any] | None:
    """What is known about a purpose, or None when the person was never asked."""
    where = (Consent.candidate_id == candidate_id) & (Consent.purpose == purpose)
    return await unit.one(select(Consent).where(where))


def holds(consent: Mapping[str, Any] | None) -> bool:
    """Whether it was given and not taken back since."""
    return consent is not None and consent["given_at"] is not None and consent["withdrawn_at"] is None


async def given(unit: Unit, candidate_id: str, purpose: str) -> bool:
    """Whether the person agrees to this purpose now."""
    return holds(await of(unit, candidate_id, purpose))


async def latest(unit: Unit, candidate_id: str) -> str | None:
    """The purpose that the person was asked about last."""
    asked = select(Consent.purpose).where(Consent.candidate_id == candidate_id)
    row = await unit.one(asked.order_by(Consent.asked_at.desc()).limit(1))
    return row["purpose"] if row else None


async def ask(unit: Unit, candidate_id: str, purpose: str, text_digest: str) -> None:
    """Remember that the person was asked, and with which text."""
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
    await unit.flush()


async def give(unit: Unit, candidate_id: str, purpose: str, text_digest: str) -> None:
    """The person agrees, having seen the text of this digest."""
    await ask(unit, candidate_id, purpose, text_digest)
    key = {"candidate_id": candidate_id, "purpose": purpose}
    await unit.set(Consent, key, text_digest=text_digest, given_at=unit.now, declined_at=None, withdrawn_at=None)


async def refuse(unit: Unit, candidate_id: str, purpose: str, text_digest: str) -> bool:
    """The person says no, or takes their consent back; True in the second case."""
    was_given = await given(unit, candidate_id, purpose)
    await ask(unit, candidate_id, purpose, text_digest)
    key = {"candidate_id": candidate_id, "purpose": purpose}
    if was_given:
        await unit.set(Consent, key, withdrawn_at=unit.now)
    else:
        await unit.set(Consent, key, declined_at=unit.now)
    return was_given
