"""Buttons of the candidate's page: the same rows as behind a button in chat."""

from storage.applications import Loaded
from storage.links import add_button
from storage.unit import Unit


def page_button(unit: Unit, loaded: Loaded, verb: str, subject: str = "") -> str:
    """The key of a button in the application's present visit.

    It follows from what the button does, so however often the page is looked at, there is one row; nobody can make it
    up without our key, so it also proves that a form came from our page.
    """
    state = loaded.application
    named = f"{loaded.id}/{state.stage}.{state.visit}/{verb}/{subject}"
    key = f"{verb}:{unit.ground.keyring.digest('page button', named)}"
    add_button(
        unit,
        key,
        candidate_id=loaded.candidate_id,
        application_id=loaded.id,
        stage=state.stage,
        visit=state.visit,
        subject=subject,
    )
    return key
