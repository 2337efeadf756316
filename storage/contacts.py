"""A candidate's contact was corrected: what went to the wrong one is told again."""

from recruiting.model import ContactCorrected
from storage.applications import of_candidate
from storage.apply import take
from storage.tables import Candidate
from storage.unit import Unit


async def corrected(unit: Unit, candidate_id: str, actor: str) -> None:
    """The phone number or address has been mended: it is a rung again, and the ladder begins anew.

    Take the candidate's lock, and write the new contact, before.
    """
    await unit.set(Candidate, {"id": candidate_id}, sms_failed_at=None, email_failed_at=None)
    for loaded in await of_candidate(unit, candidate_id):
        await take(unit, loaded, ContactCorrected(actor))
