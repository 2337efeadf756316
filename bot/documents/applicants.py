"""From the checked rows of a list to people who apply."""

from collections.abc import Callable, Sequence

from bot.documents.roster import Draft
from recruiting.process import Process, process_for
from storage.intake import Applicant


def applicant_of(draft: Draft) -> Applicant:
    """A row of a list as somebody who applies."""
    return Applicant(
        draft.name,
        draft.phone,
        draft.email,
        draft.position,
        draft.shop,
        draft.batch,
        draft.locale,
        draft.recruiter,
        draft.extra,
        draft.certificate_until,
    )


def finder(current: Sequence[Process]) -> Callable[[str], Process | None]:
    """Which process takes a position; a list names few of them many times."""
    known: dict[str, Process | None] = {}

    def find(position: str) -> Process | None:
        if position not in known:
            known[position] = process_for(current, position)
        return known[position]

    return find
