"""From an outbox row to the words a person reads: their language, their links, their buttons.

Runs inside the transaction that marks the row as sending, so that links and buttons exist before anybody can tap them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

import orjson

from bot.delivery.base import Letter
from bot.errors import GiveUp
from bot.texts import Texts, percent, stage_override
from handlers.hr import certificate_card
from recruiting.chat import GROUPS, NO_BUTTONS, Button, Chart, Input, Message, Person
from recruiting.model import Purpose
from recruiting.process import StageKind, words
from storage import conversations, documents, followups, groups, members, readings, seats
from storage.applications import Loaded, load_one
from storage.links import add_button, button_key, preload_links, token_for
from storage.owed import PICTURE, REPLIES, URGENT
from storage.unit import Unit

REPEATS_KNOWN = frozenset({"feishu.group"})  # groups whose platform swallows the repeat of an id
# What a link may do in a group whose robot hears of no tap. Who decides about a person does it under their own name.
DEEDS = frozenset({"remind", "list", "mute", "new_link", "reached", "no_answer", "wrong_number", "hand_over", "view"})
FORMS = frozenset({"feishu", "feishu.group"})  # whose cards have inputs
LINKS = frozenset({"link", "chat_link"})
SHORT_CARDS = {"wecom.app": 6}  # surface -> buttons that one card holds
TO_DECIDE = frozenset({"review", "hold", "by_hand", "meeting_over", "not_decided", "stalled"})  # causes
REASONS = ("later", "broken", "not_me", "withdraw", "human")


@dataclass(frozen=True)
class House:
    """Plain values of the company that messages speak of."""

    texts: Texts
    company: str
    public_url: str
    locale: str
    timezone: tzinfo
    interview_link: str | None


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """The part of a reviewer's card that is about the certificate; `preset`: the date that counts without another."""

    lines: list[str]
    fields: list[tuple[str, str]]
    preset: str


class Composer:
    """Renders rows. One instance serves all."""

    def __init__(self, house: House) -> None:
        self.house = house

    async def letter(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> Letter:
        """Address and render a row on its rung. Raises GiveUp: there is nobody to address it to."""
        match row["rung"]:
            case "chat":
                return await self._chat(unit, row, loaded)
            case "sms" | "email":
                return await self._contact(unit, row, loaded)
            case "member":
                return await self._member(unit, row, loaded)
            case "passive":
                return await (self._member if row["member_id"] else self._chat)(unit, row, loaded)
            case _:
                return await self._group(unit, row, loaded)

    async def preload(self, unit: Unit, rows: Sequence[Mapping[str, Any]], applications: Collection[Loaded]) -> None:
        """Read what many letters need with one query each: contacts and links."""
        await conversations.preload_contacts(unit, {row["candidate_id"] for row in rows if row["candidate_id"]})
        await preload_links(unit, [loaded.id for loaded in applications])

    # --- to candidates ---------------------------------------------------------------------------------------------

    async def _chat(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> Letter:
        conversation = await self._conversation(unit, row)
        person = _person(conversation)
        locale = await self._locale(unit, row, loaded)
        said = await self._said(unit, row, loaded)
        if row["start"] in REPLIES:
            message = await self._reply(unit, row, loaded, said, locale)
            card = str(said["values"].get("handle", ""))
            return Letter("chat", "", person, message, said["welcome_code"], card, said.get("reply_to", ""))
        assert loaded is not None
        return Letter("chat", "", person, await self._from_rules(unit, row, loaded, said, locale, "chat"))

    async def _conversation(self, unit: Unit, row: Mapping[str, Any]) -> Mapping[str, Any]:
        if row["conversation_id"]:
            known = await conversations.by_id(unit, row["conversation_id"])
            if known is not None:
                return known
        found = await conversations.of_candidate(unit, row["candidate_id"] or "")
        if not found:
            raise GiveUp("no_conversation")
        return found[0]

    async def _contact(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> Letter:
        """SMS or e-mail: one text, framed with who speaks."""
        rung = row["rung"]
        address = await self._address(unit, row["candidate_id"], "phone" if rung == "sms" else "email")
        locale = await self._locale(unit, row, loaded)
        said = await self._said(unit, row, loaded)
        if loaded is not None and row["start"] not in REPLIES:
            message = await self._from_rules(unit, row, loaded, said, locale, rung)
        else:
            message = await self._reply(unit, row, loaded, said, locale)
        texts = self.house.texts
        if rung == "sms":
            optout = row["purpose"] in (Purpose.INVITE.value, Purpose.NUDGE.value)
            return Letter(
                "sms", address, None, Message(texts.sms(message.plain(), locale, self.house.company, optout=optout))
            )
        framed = texts.say("email.frame", locale, company=self.house.company, text=message.text)
        return Letter("email", address, None, Message(framed, title=message.title or self.house.company))

    async def _address(self, unit: Unit, candidate_id: str, column: str) -> str:
        contact = await conversations.contact(unit, candidate_id)
        if contact is None or contact[column] is None or contact["key"] is None:
            raise GiveUp("no_contact")
        box = unit.ground.keyring.unwrap(contact["key"])
        return box.open_text(contact[column], f"candidates.{column}:{candidate_id}")

    async def _from_rules(
        self, unit: Unit, row: Mapping[str, Any], loaded: Loaded, said: Mapping[str, Any], locale: str, form: str
    ) -> Message:
        """A message that the rules decided on: its text, links and buttons follow from its key."""
        key: str = row["text"]
        stage = loaded.application.process.stage(row["stage"])
        override = stage_override(stage.texts, key) if stage.texts else None
        # A link that nobody gets to see need not be made.
        links = LINKS if form == "chat" else self.house.texts.speaks_of(key, locale, form, override=override) & LINKS
        values = await self._values(unit, loaded, said["values"], locale, at=(row["stage"], row["visit"]), links=links)
        text = self.house.texts.say(key, locale, form=form, override=override, **values)
        title = ""
        if form == "email":
            purpose = row["purpose"] if row["purpose"] in ("invite", "nudge") else "other"
            title = self.house.texts.say(f"email.subject.{purpose}", locale, **values)
        buttons = await self._candidate_buttons(unit, row, loaded, values, locale) if form == "chat" else ()
        return Message(text, title=title, buttons=tuple(buttons))

    async def _candidate_buttons(
        self, unit: Unit, row: Mapping[str, Any], loaded: Loaded, values: Mapping[str, Any], locale: str
    ) -> list[Button]:
        key: str = row["text"]
        kind = loaded.application.process.stage(row["stage"]).kind
        buttons: list[Button] = []
        if key in ("invite.interview", "nudge.interview"):
            buttons.append(Button(self._label("open_link", locale), url=str(values["link"])))
        offers = {
            "invite.document": ["upload", "human"],
            "document.rejected": ["upload", "human"],
            "document.retake": ["upload", "human"],
            "document.revoked": ["upload", "human"],
            "document.expiring": ["upload", "human"],
            "document.expired": ["upload", "human"],
            "meeting.reminder": ["confirm", "human"],
            "meeting.booked": ["status", "human"],
            "rejected": ["human"],
            "expired": ["human"],
        }.get(key, [])
        if key == "nudge.document":
            offers = ["upload"]
        if kind is StageKind.MEETING and key in ("invite.meeting", "nudge.meeting"):
            buttons += await self._slot_buttons(unit, row, loaded, locale)
            offers = ["human"]
        if row["purpose"] == Purpose.NUDGE.value and key.startswith("nudge.") and kind is not StageKind.MEETING:
            offers = [*offers, *REASONS]
        if key in ("meeting.booked", "meeting.reminder"):
            buttons.append(self._button(unit, row, loaded, "slot", locale, text=self._label("other_slot", locale)))
        buttons += [self._button(unit, row, loaded, verb, locale) for verb in offers]
        return buttons

    async def _slot_buttons(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded, locale: str) -> list[Button]:
        free = seats.spread(await seats.free(unit, loaded), self.house.timezone)
        return [
            self._button(
                unit,
                row,
                loaded,
                "slot",
                locale,
                subject=start.isoformat(),
                text=self.house.texts.slot(start, locale, self.house.timezone),
            )
            for start in free
        ]

    def _button(
        self,
        unit: Unit,
        row: Mapping[str, Any],
        loaded: Loaded,
        verb: str,
        locale: str,
        *,
        subject: str = "",
        text: str = "",
        style: str = "",
    ) -> Button:
        key = button_key(verb)
        add_button(
            unit,
            key,
            candidate_id=_whose(row),
            member_id=row["member_id"],
            application_id=loaded.id,
            stage=row["stage"],
            visit=row["visit"],
            subject=subject,
            message_id=row["id"],
        )
        return Button(text or self._label(verb, locale), key=key, style=style)

    # --- to members ------------------------------------------------------------------------------------------------

    async def _member(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> Letter:
        member = await members.by_id(unit, row["member_id"])
        if member is None:
            raise GiveUp("no_member")
        talk = await conversations.by_id(unit, row["conversation_id"]) if row["conversation_id"] else None
        person = _person(talk) if talk is not None else members.address(unit, member)
        if person is None:
            raise GiveUp("no_account")
        in_group = talk is not None and talk["surface"] in GROUPS.values()
        locale = self.house.locale if in_group else member["locale"] or self.house.locale
        said = await self._said(unit, row, loaded)
        if row["start"] == URGENT:
            return _urged(member, said["values"])
        if row["start"] in REPLIES:
            message = await self._reply(unit, row, loaded, said, locale)
            card, file = str(said["values"].get("handle", "")), said.get("file", "")
            return Letter("chat", "", person, message, card=card, reply_to=said.get("reply_to", ""), file=file)
        assert loaded is not None
        return Letter("chat", "", person, await self._card(unit, row, loaded, said, locale, person.surface))

    async def surface_of(self, unit: Unit, row: Mapping[str, Any]) -> str | None:
        """Where a member's message will go, before it is written: that decides which limits it has to keep."""
        member = await members.by_id(unit, row["member_id"])
        person = members.address(unit, member) if member is not None else None
        return person.surface if person is not None else None

    async def _group(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> Letter:
        group = await groups.find(unit, row["surface"], row["conversation_id"]) if row["surface"] else None
        if group is None:
            raise GiveUp("no_group")
        said = await self._said(unit, row, loaded)
        locale = self.house.locale
        if loaded is not None:
            message = await self._card(unit, row, loaded, said, locale, group.person.surface)
        else:
            message = await self._reply(unit, row, loaded, said, locale)
        if group.person.surface in NO_BUTTONS:
            message = replace(message, buttons=self._deeds(message.buttons))
        if row["tries"] and group.person.surface not in REPEATS_KNOWN:
            repeated = self.house.texts.say("alert.repeated", locale)
            message = replace(message, title=f"{repeated} {message.title}".strip())
        return Letter("group", "", group.person, message)

    def _deeds(self, buttons: Sequence[Button]) -> tuple[Button, ...]:
        """Links in place of buttons: each shows what it will do, and does it once."""
        base = self.house.public_url.rstrip("/")
        linked = (
            button if button.url else replace(button, key="", url=f"{base}/do/{button.key}")
            for button in buttons
            if button.url or button.key.partition(":")[0] in DEEDS
        )
        return tuple(linked)

    async def _card(
        self,
        unit: Unit,
        row: Mapping[str, Any],
        loaded: Loaded,
        said: Mapping[str, Any],
        locale: str,
        surface: str,
    ) -> Message:
        """A card about one application: who, what for, why, and what can be done about it."""
        key: str = row["text"]
        texts = self.house.texts
        values = await self._values(unit, loaded, said["values"], locale, at=(row["stage"], row["visit"]))
        fields = [
            (texts.say("label.position", locale), loaded.position),
            (texts.say("label.shop", locale), loaded.shop),
            (texts.say("label.stage", locale), str(values["stage"])),
        ]
        offers: list[tuple[str, str, str]] = []  # verb, subject, style
        lines: list[str] = []
        preset = ""
        match key:
            case "follow_up.card" | "follow_up.late":
                follow_up = await followups.by_id(unit, said["values"]["follow_up"])
                causes = list(follow_up["causes"]) if follow_up else []
                values["why"] = "、".join(texts.say(f"causes.{cause}", locale) for cause in causes)
                values["due"] = self._when(unit, follow_up["due_at"], locale) if follow_up else ""
                values["id"] = said["values"]["follow_up"][:8]
                recent = await followups.recent(unit, loaded)
                fields.append((texts.say("label.best_hour", locale), self._hour(recent.own_act)))
                lines = [self._happened(unit, fact, locale) for fact in recent.facts]
                offers = _to_do(said["values"]["follow_up"], causes, SHORT_CARDS.get(surface))
                fields += self._scores(loaded)
            case "document.review":
                reviewed = await self._reviewed(
                    unit, loaded, said["values"]["document"], locale, row["rung"] == "group"
                )
                lines, preset = reviewed.lines, reviewed.preset
                fields = [*reviewed.fields, *fields[:2]]
                offers = [
                    ("approve", said["values"]["document"], "primary"),
                    ("reject", said["values"]["document"], "danger"),
                ]
            case "review.waiting" | "meeting.card":
                offers = [("pass", "", "primary"), ("reject", "", "danger")]
                fields += self._scores(loaded)
        text = "\n".join([texts.say(key, locale, **values), *lines])
        title = texts.say(key, locale, form="title", **values)
        look = [self._look(said["values"]["document"], locale)] if key == "document.review" else []
        buttons = [
            self._button(
                unit,
                row,
                loaded,
                verb,
                locale,
                subject=subject,
                style=style,
                text=self._label("view_phone", locale) if subject == "phone" else "",
            )
            for verb, subject, style in offers
        ]
        inputs: tuple[Input, ...] = ()
        if key == "document.review" and surface in FORMS:
            # The date is preselected, so that one tap is enough; who reads another one on the picture puts it in.
            inputs = (Input("expires_on", texts.say("form.expires_on", locale), "date", value=preset),)
        shown = tuple(pair for pair in fields if pair[1])
        return Message(text, title=title, fields=shown, buttons=(*buttons, *look), inputs=inputs)

    async def _reviewed(self, unit: Unit, loaded: Loaded, document: str, locale: str, in_group: bool) -> "_Reviewed":
        """What the machine has read in a document, for the reviewer's card."""
        row, texts = await documents.by_id(unit, document), self.house.texts
        expected = await readings.expected(unit, loaded)
        reading = readings.of(row, loaded.box) if row is not None else None
        shown = certificate_card.facts(reading, expected, in_group=in_group)
        fields = [(texts.say(label, locale), str(await self._put(unit, value, locale))) for label, value in shown]
        lines = []
        for text, values in certificate_card.lines(row) if row is not None else ():
            said = {name: await self._put(unit, value, locale) for name, value in values.items()}
            lines.append(texts.say(text, locale, **said))
        return _Reviewed(lines, fields, certificate_card.preset(reading, expected.today).isoformat())

    def _look(self, document: str, locale: str) -> Button:
        """The way to the page on which the picture lies beside what was read; who goes there signs in."""
        base = self.house.public_url.rstrip("/")
        return Button(self._label("view", locale), url=f"{base}/dashboard/documents/{document}")

    def _hour(self, moment: datetime | None) -> str:
        """The hour of the day in which something happened."""
        if moment is None:
            return ""
        hour = moment.astimezone(self.house.timezone).hour
        return f"{hour}:00-{hour + 1}:00"

    def _happened(self, unit: Unit, fact: followups.Fact, locale: str) -> str:
        """One line of an application's history."""
        outcome = self.house.texts.say(f"settled.{fact.outcome}", locale) if fact.outcome else ""
        to = self.house.texts.say("owner.group", locale) if fact.to == "group" else fact.to
        what = self.house.texts.say(f"happened.{fact.type}", locale, outcome=outcome, to=to)
        return self.house.texts.say("happened.line", locale, when=self._when(unit, fact.at, locale), what=what)

    def _scores(self, loaded: Loaded) -> list[tuple[str, str]]:
        """The dimensions that the process wants shown, so that nothing is asked twice."""
        shown = next((s.show for s in loaded.application.process.stages if s.show), ())
        scores = loaded.application.scores
        return [(name, f"{scores[name]:g}") for name in (shown or scores) if name in scores]

    # --- replies ---------------------------------------------------------------------------------------------------

    async def _reply(
        self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None, said: Mapping[str, Any], locale: str
    ) -> Message:
        """What a handler answered: its text, further lines, facts and offers."""
        if row["text"] == PICTURE:
            return Message("", chart=await self._chart(unit, said["chart"], locale))
        texts = self.house.texts
        form = "sms" if row["rung"] in ("sms", "email") else "chat"
        context = await self._values(unit, loaded, {}, locale) if loaded else {"company": self.house.company}
        values = context | {
            name: await self._put(unit, value, locale, context=context, form=form)
            for name, value in said["values"].items()
        }
        if row["text"] == "card.settled":
            return Message("", settled=str(values["label"]))
        parts = [texts.render(row["text"], locale, values, form=form)]
        for key, of_line in said["lines"]:
            line = {
                name: await self._put(unit, value, locale, context=context, form=form)
                for name, value in of_line.items()
            }
            parts.append(texts.render(key, locale, context | line, form=form))
        fields = [
            (await self._words(unit, label, locale), str(await self._put(unit, value, locale, context=context)))
            for label, value in said["fields"]
        ]
        form_of = said.get("form") if row["surface"] in FORMS else None
        inputs, offers = (form_of[0], form_of[1:]) if form_of else ((), said["offers"])
        buttons = [await self._offer(unit, row, loaded, offer, locale) for offer in offers]
        return Message(
            "\n".join(parts),
            title=texts.title(row["text"], locale, **values),
            fields=tuple(fields),
            buttons=tuple(button for button in buttons if button),
            inputs=tuple(self._input(each, locale) for each in inputs),
            chart=await self._chart(unit, said.get("chart"), locale),
        )

    async def _chart(self, unit: Unit, said: Sequence[Any] | None, locale: str) -> Chart | None:
        if not said:
            return None
        kind, points = said
        return Chart(kind, tuple([(await self._words(unit, label, locale), number) for label, number in points]))

    async def _words(self, unit: Unit, label: Any, locale: str) -> str:
        """A label: a text key, or what is put into the reader's language like a value."""
        if isinstance(label, str):
            return self.house.texts.say(label, locale)
        return str(await self._put(unit, label, locale))

    def _input(self, plain: Sequence[Any], locale: str) -> Input:
        name, label, kind, options, value = plain
        shown = tuple((option, self._choice(text, locale)) for option, text in options)
        return Input(name, self.house.texts.say(label, locale), kind, shown, value)

    def _choice(self, text: str, locale: str) -> str:
        return self.house.texts.say(text, locale, form="label")

    async def toast(self, unit: Unit, loaded: Loaded | None, text: str, given: Mapping[str, Any], locale: str) -> str:
        """A few words to somebody who tapped and waits for what becomes of it."""
        context = await self._values(unit, loaded, {}, locale) if loaded else {"company": self.house.company}
        values = {name: await self._put(unit, value, locale, name, context=context) for name, value in given.items()}
        return self.house.texts.render(text, locale, context | values)

    async def _offer(
        self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None, offer: Sequence[Any], locale: str
    ) -> Button | None:
        label, verb, subject, application, style, url, text = offer
        shown = self.house.texts.say(label, locale, form="label") if text is None else ""
        shown = shown or str(await self._put(unit, text, locale))
        if url:
            if url in ("invite", "chat"):
                if loaded is None:
                    return None
                links = await self._links(unit, loaded)
                url = links["link" if url == "invite" else "chat_link"]
            elif url.startswith("/"):  # a page of ours
                url = self.house.public_url.rstrip("/") + url
            return Button(shown, url=url)
        key = button_key(verb)
        add_button(
            unit,
            key,
            candidate_id=_whose(row),
            member_id=row["member_id"],
            application_id=application or row["application_id"],
            stage=row["stage"],
            visit=row["visit"],
            subject=subject,
            message_id=row["id"],
        )
        return Button(shown, key=key, style=style)

    # --- values ----------------------------------------------------------------------------------------------------

    async def _said(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> dict[str, Any]:
        """What was said when the row was made: for replies its whole form, else the rules' values."""
        if loaded is not None:
            box = loaded.box
        elif row["candidate_id"] is not None:
            found = await unit.box_of(row["candidate_id"])
            if found is None:
                raise GiveUp("erased")
            box = found
        else:
            box = await unit.ground.days.existing(unit.connection, row["day"])
        plain: dict[str, Any] = orjson.loads(box.open(row["values"], f"outbox.values:{row['id']}"))
        if "offers" in plain:
            return plain
        return {"values": plain, "lines": [], "fields": [], "offers": [], "welcome_code": ""}

    async def _values(
        self,
        unit: Unit,
        loaded: Loaded,
        given: Mapping[str, Any],
        locale: str,
        *,
        at: tuple[str, int] | None = None,
        links: frozenset[str] = LINKS,
    ) -> dict[str, Any]:
        """All that a text about this application may speak of."""
        application = loaded.application
        stage = application.process.stage(at[0] if at and at[0] else application.stage)
        values: dict[str, Any] = {
            "company": self.house.company,
            "name": await self._name(unit, loaded),
            "position": loaded.position,
            "shop": loaded.shop,
            "stage": words(stage.name, locale),
            "deadline": self._deadline(unit, loaded, stage.deadline, locale),
            **await self._links(unit, loaded, links, at),
        }
        for name, value in given.items():
            values[name] = await self._put(unit, value, locale, name)
        return values

    async def _name(self, unit: Unit, loaded: Loaded) -> str:
        contact = await conversations.contact(unit, loaded.candidate_id)
        return loaded.box.open_text(contact["name"], f"candidates.name:{loaded.candidate_id}") if contact else ""

    async def _links(
        self, unit: Unit, loaded: Loaded, wanted: frozenset[str] = LINKS, at: tuple[str, int] | None = None
    ) -> dict[str, str]:
        base = self.house.public_url.rstrip("/")
        links = {}
        if "link" in wanted:
            links["link"] = f"{base}/i/{await token_for(unit, loaded, 'invite', at=at)}"
        if "chat_link" in wanted:
            links["chat_link"] = f"{base}/c/{await token_for(unit, loaded, 'chat')}"
        return links

    def _deadline(self, unit: Unit, loaded: Loaded, deadline: Any, locale: str) -> str:
        """The deadline in words, or nothing. Before the first try it counts from now: that is this very try."""
        if deadline is None or not loaded.application.open:
            return ""
        end = (loaded.application.since or unit.now) + deadline
        return self._when(unit, end, locale)

    def _when(self, unit: Unit, moment: datetime, locale: str) -> str:
        return self.house.texts.when(moment, locale, self.house.timezone, unit.now)

    async def _put(
        self,
        unit: Unit,
        value: Any,
        locale: str,
        name: str = "",
        *,
        context: Mapping[str, Any] | None = None,
        form: str = "chat",
    ) -> Any:
        """Put a value into the reader's language."""
        if name == "start" and isinstance(value, str):
            return self._when(unit, datetime.fromisoformat(value), locale)
        if name == "reason":
            return self._reason(value, locale)
        if not isinstance(value, dict):
            return value
        if "$when" in value:
            return self._when(unit, datetime.fromisoformat(value["$when"]), locale)
        if "$day" in value:
            return self.house.texts.day(date.fromisoformat(value["$day"]), locale)
        if "$say" in value:
            inner = {key: await self._put(unit, v, locale, key) for key, v in value.get("values", {}).items()}
            return self.house.texts.render(value["$say"], locale, {**(context or {}), **inner}, form=form)
        if "$lasting" in value:
            return self.house.texts.lasting(timedelta(seconds=value["$lasting"]), locale)
        if "$percent" in value:
            return percent(value["$percent"])
        if "$reason" in value:
            return self._reason(value["$reason"], locale)
        if "$stage" in value:
            return await self._stage_name(unit, value["$stage"], locale)
        return words(value.get("$words", value), locale)

    async def _stage_name(self, unit: Unit, place: Sequence[str], locale: str) -> str:
        loaded = await load_one(unit, place[0])
        return words(loaded.application.process.stage(place[1]).name, locale) if loaded else ""

    def _reason(self, value: Any, locale: str) -> str:
        """A reason: words per language, an id of the catalogue, or what somebody typed."""
        return self.house.texts.reason(value, locale)

    async def _locale(self, unit: Unit, row: Mapping[str, Any], loaded: Loaded | None) -> str:
        if loaded is not None:
            return loaded.locale
        contact = await conversations.contact(unit, row["candidate_id"]) if row["candidate_id"] else None
        return str(contact["locale"]) if contact else self.house.locale

    def _label(self, verb: str, locale: str) -> str:
        return self.house.texts.say(f"buttons.{verb}", locale)


def _person(conversation: Mapping[str, Any]) -> Person:
    """Whom a conversation is with. In a group it is one member's, and its words go to the group."""
    if conversation["surface"] in GROUPS.values():
        return Person(conversation["surface"], conversation["account"])
    return Person(conversation["surface"], conversation["account"], conversation["desk"])


def _to_do(follow_up: str, causes: Sequence[str], most: int | None) -> list[tuple[str, str, str]]:
    """The buttons of a follow-up: verb, subject, style. Who is to be decided about need not be called: where a card is
    short, a wrong number is told of by other means.
    """
    if list(causes) == ["wrong_number"]:
        verbs: tuple[str, ...] = ("done", "hand_over")
    else:
        verbs = ("reached", "no_answer", "wrong_number", "hand_over")
    decide = [("pass", "", "primary"), ("reject", "", "danger")] if TO_DECIDE & set(causes) else []
    offers = [*decide, *((verb, follow_up, "") for verb in verbs), ("view", "phone", "")]
    short = most is not None and len(offers) > most
    return [offer for offer in offers if not (short and offer[0] == "wrong_number")]


def _urged(member: Mapping[str, Any], values: Mapping[str, Any]) -> Letter:
    """The card that this member has in Feishu becomes urgent."""
    if not member["feishu"]:
        raise GiveUp("no_account")
    person = Person("feishu", member["feishu"])
    return Letter("chat", "", person, Message(""), card=values["message"], urgent=values["how"])


def _whose(row: Mapping[str, Any]) -> str | None:
    """The candidate who may tap the buttons of a message; None: they are for members, in a group for each of them."""
    return None if row["member_id"] or row["rung"] == "group" else row["candidate_id"]
