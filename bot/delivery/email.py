"""E-mail by SMTP. It knows no idempotency: after a crash in mid-send the next rung is taken instead of a repeat."""

from email.message import EmailMessage
from email.utils import formataddr
from urllib.parse import unquote, urlsplit

from bot.delivery.base import Letter
from bot.errors import GiveUp, TryLater
from bot.platforms.base import Sent

TIMEOUT = 20.0


class Email:
    """A mail server, from `smtp://user:password@host:25` or `smtps://…`."""

    def __init__(self, url: str, sender: str, company: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._tls = parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        self._company = company

    async def deliver(self, letter: Letter, id: str, *, again: bool) -> Sent:
        """Hand the mail to the server."""
        import aiosmtplib  # most send none

        mail = self._mail(letter, id)
        try:
            await aiosmtplib.send(
                mail,
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                use_tls=self._tls,
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            if all(code >= 500 for code in codes):
                raise GiveUp("the mail server refuses this address") from error
            raise TryLater("the mail server asks to come back") from error
        except aiosmtplib.SMTPResponseException as error:
            if error.code >= 500:
                raise GiveUp(f"smtp {error.code}") from error
            raise TryLater(f"smtp {error.code}") from error
        except (aiosmtplib.SMTPConnectError, aiosmtplib.SMTPConnectTimeoutError) as error:
            raise TryLater("the mail server cannot be reached") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TryLater("the mail server did not answer", unknown=True) from error
        return Sent(id)

    def _mail(self, letter: Letter, id: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = formataddr((self._company, self._sender))
        mail["To"] = letter.address
        mail["Subject"] = letter.message.title or self._company
        mail["Message-ID"] = f"<{id}@{self._sender.rpartition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(letter.message.text)
        return mail

    async def close(self) -> None:
        """Nothing is kept open."""
