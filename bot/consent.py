"""What a person is asked to agree to before their first upload, word for word: in chat and on the page the same."""

from datetime import timedelta

from bot.texts import Texts
from handlers.candidate.uploads import CONSENT_TEXT


def consent_text(texts: Texts, company: str, locale: str, keep: timedelta) -> str:
    """The text in a language; `keep`: how long after the decision the picture is kept."""
    return texts.say(CONSENT_TEXT, locale, company=company, keep=texts.lasting(keep, locale))
