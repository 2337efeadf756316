"""Touching a card: the bot is asked once, has three seconds, and its answer changes what people see."""

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.clock import Clock
from bot.sandbox.callbacks import Attempt, Courier, Delivery, Post
from bot.sandbox.feishu.cards import check_replaces
from bot.sandbox.feishu.changes import Changes
from bot.sandbox.feishu.company import Account, App, Message, Toast, fresh, packed
from bot.sandbox.feishu.contents import Contents
from bot.sandbox.feishu.events import JSON, Events, Line
from bot.sandbox.feishu.reading import Element, is_shared
from bot.sandbox.feishu.wire import Call, Endpoint, Refused, words
from bot.sandbox.record import Record

TOKEN_LIVES = timedelta(minutes=30)
TOKEN_USES = 2
LONGEST_UPDATE = 100 * 1024
NOT_SET_UP, NO_ANSWER, NOT_REACHED, NOT_200, MALFORMED, BAD_CARD, BACK_TO_FIRST = (
    200340,
    200341,
    200342,
    200671,
    200672,
    200673,
    200830,
)
BAD_TOKEN, EXPIRED, USED_UP, NO_VIEWERS, WITHDRAWN, TOO_MUCH = 300020, 300030, 300040, 300090, 200000, 100000
TOASTS = {"info", "success", "warning", "error"}


class ClientError(Exception):
    """The client shows a code of its own in place of an answer."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


@dataclass(slots=True)
class Ticket:
    """The `c-` token of one click: allows two updates of the card, once the click has been answered."""

    message: Message
    open_id: str
    at: datetime
    answered: bool = False
    uses: int = 0


class Clicks:
    """Feishu's side of the callback URL."""

    def __init__(
        self,
        *,
        app: App,
        contents: Contents,
        changes: Changes,
        events: Events,
        courier: Courier,
        record: Record,
        clock: Clock,
    ) -> None:
        self.subscribed = True
        self.legacy = False  # subscribed to the old card callback too: two requests for each touch
        self.within = 3.0
        self.line: Line = events.webhook
        self._app = app
        self._contents = contents
        self._changes = changes
        self._webhook = events.webhook
        self._courier = courier
        self._record = record
        self._clock = clock
        self._tickets: dict[str, Ticket] = {}

    def endpoints(self) -> list[Endpoint]:
        """Paths that are served here."""
        scopes = ("im:message", "im:message:send_as_bot")
        return [Endpoint("POST", "interactive/v1/card/update", self._update, scopes=scopes)]

    async def click(self, who: Account, message: Message, action: dict[str, Any]) -> Toast | None:
        """Ask the bot what follows from a touch, and show it. Returns what the client says to the one who clicked."""
        before, changed = dict(message.card), message.updated_at
        token = fresh("c-")
        ticket = Ticket(message, who.open_id, self._clock.now())
        self._tickets[token] = ticket
        if self.legacy:
            self._courier.start(self._ask_the_old_way(who, message, token, action))
        try:
            answer = await self._ask(who, message, token, action)
            card = self._card_in(answer, message)
            toast = self._toast_in(answer)
        except ClientError as error:
            text = f"出错了，请稍后重试 code: {error.code}"
            toast, card = Toast(self._clock.now(), "error", text, error.code), None
        else:
            ticket.answered = True
            if card is None and message.updated_at != changed:
                # The client applies the empty answer after the change, and the change is gone.
                self._record.warn("feishu: a card was changed before its click had been answered")
                card = before
        if card is not None:
            self._show(message, card, [who.open_id])
        if toast is not None:
            who.toasts.append(toast)
        return toast

    async def _ask(self, who: Account, message: Message, token: str, action: dict[str, Any]) -> dict[str, Any]:
        if not self.subscribed or not self._courier.bot_url:
            raise ClientError(NOT_SET_UP)
        body = packed(self._body(who, message, token, action)).encode()
        delivery = Delivery("feishu", "card.action.trigger")
        self._courier.deliveries.append(delivery)
        attempt = await self.line.carry(body, self.within)
        delivery.attempts.append(attempt)
        delivery.outcome = "dropped"
        answer = _read(attempt)
        delivery.outcome = "accepted"
        return answer

    async def _ask_the_old_way(self, who: Account, message: Message, token: str, action: dict[str, Any]) -> None:
        """The callback of old cards: never sealed, signed with the Verification Token, here without effect."""
        told = {
            "open_id": who.open_id,
            "open_message_id": message.id,
            "open_chat_id": message.chat.id,
            "tenant_key": who.tenant_key,
            "token": token,
            "action": action,
        }
        body, nonce = packed(told).encode(), secrets.token_hex(8)
        timestamp = str(int(self._clock.now().timestamp()))
        signed = {
            "X-Lark-Request-Timestamp": timestamp,
            "X-Lark-Request-Nonce": nonce,
            "X-Lark-Signature": legacy_signature(timestamp, nonce, self._app.token, body),
            "X-Refresh-Token": secrets.token_hex(16),
        }
        post = Post(self._webhook.path, body, headers={**JSON, **signed})
        attempt = await self._webhook.post(post, self.within)
        self._courier.deliveries.append(Delivery("feishu", "card.action.trigger_v1", [attempt], "sent"))

    def _body(self, who: Account, message: Message, token: str, action: dict[str, Any]) -> dict[str, Any]:
        header = {
            "event_id": fresh(""),
            "token": self.line.token,
            "create_time": str(int(self._clock.now().timestamp() * 1_000_000)),
            "event_type": "card.action.trigger",
            "tenant_key": self._app.tenant_key,
            "app_id": self._app.id,
        }
        event = {
            "operator": {"tenant_key": who.tenant_key, **who.ids(self._app.scopes)},
            "token": token,
            "action": action,
            "host": "im_message",
            "context": {"open_message_id": message.id, "open_chat_id": message.chat.id},
        }
        return {"schema": "2.0", "header": header, "event": event}

    def _card_in(self, answer: dict[str, Any], message: Message) -> Element | None:
        given = answer.get("card")
        if given is None:
            return None
        if not isinstance(given, dict) or given.get("type") not in ("raw", "template"):
            raise ClientError(MALFORMED)
        if not isinstance(given.get("data"), dict):
            raise ClientError(MALFORMED)
        try:
            card = self._contents.card(given["data"] if given["type"] == "raw" else given)
        except Refused as refused:
            self._record.warn(f"feishu: the card in an answer was refused: {refused}")
            raise ClientError(BAD_CARD) from refused
        try:
            check_replaces(message.card, card)
        except Refused as refused:
            raise ClientError(BACK_TO_FIRST) from refused
        return card

    def _toast_in(self, answer: dict[str, Any]) -> Toast | None:
        given = answer.get("toast")
        if given is None:
            return None
        if not isinstance(given, dict) or given.get("type", "info") not in TOASTS:
            raise ClientError(MALFORMED)
        translated = given.get("i18n", {})
        content = given.get("content", "")
        if not isinstance(content, str) or not isinstance(translated, dict):
            raise ClientError(MALFORMED)
        return Toast(self._clock.now(), given.get("type", "info"), translated.get("zh_cn") or content)

    def _show(self, message: Message, card: Element, viewers: list[str]) -> None:
        if is_shared(card) and is_shared(message.card):
            self._changes.apply(message, card, self._clock.now())
        else:
            message.views.update(dict.fromkeys(viewers, card))

    async def _update(self, call: Call) -> dict[str, Any]:
        """Change a card later, with the token of its click."""
        token, card = words(call.body, "token"), call.body.get("card")
        if not token.startswith("c-") or token not in self._tickets:
            raise Refused(BAD_TOKEN, "invalid token")
        if not isinstance(card, dict):
            raise Refused(10002, "card must be an object")
        if len(json.dumps(card, ensure_ascii=False).encode()) > LONGEST_UPDATE:
            raise Refused(TOO_MUCH, "card is larger than 100 KB")
        ticket = self._tickets[token]
        if not ticket.answered or call.now - ticket.at > TOKEN_LIVES:
            raise Refused(EXPIRED, "token is expired, or its callback has not been answered")
        if ticket.uses >= TOKEN_USES:
            raise Refused(USED_UP, "token has been used twice")
        if ticket.message.deleted:
            raise Refused(WITHDRAWN, "message is recalled")
        viewers = card.get("open_ids", [])
        plain = {name: value for name, value in card.items() if name != "open_ids"}
        checked = self._contents.card(plain)
        check_replaces(ticket.message.card, checked)
        if not is_shared(checked) and not viewers:
            raise Refused(NO_VIEWERS, "open_ids is needed for a card that is not shared")
        ticket.uses += 1
        self._show(ticket.message, checked, viewers)
        return {}


def legacy_signature(timestamp: str, nonce: str, token: str, body: bytes) -> str:
    """How the callback of old cards is signed."""
    return hashlib.sha1(f"{timestamp}{nonce}{token}".encode() + body).hexdigest()  # noqa: S324 - the platform's choice


def _read(attempt: Attempt) -> dict[str, Any]:
    """The answer of the bot. Raises ClientError."""
    if attempt.status is None:
        raise ClientError(NO_ANSWER if attempt.late else NOT_REACHED)
    if attempt.status != 200:
        raise ClientError(NOT_200)
    try:
        answer = json.loads(attempt.body)
    except ValueError as error:
        raise ClientError(MALFORMED) from error
    if not isinstance(answer, dict) or not set(answer) <= {"toast", "card"}:
        raise ClientError(MALFORMED)
    return answer
