"""The demo's page: a candidate's phone, HR's chats, HR's group and the clock, for one person who plays them all."""

import asyncio
import base64
import binascii
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.sandbox.feishu.people import Person
from bot.sandbox.people import BATCH, COMPANY
from bot.sandbox.play import STAY_AWAY, SURFACES, Bot, Play, may_book, may_send, message_json
from bot.sandbox.record import Sent
from bot.sandbox.roles import ALSO, MARKS, MEMBERS, Candidate, Focus, Line, NotNow, account
from bot.sandbox.world import Sandbox

STATIC = Path(__file__).parent / "static"
FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "words.js": "text/javascript",
    "certificate.js": "text/javascript",
    "feishu.js": "text/javascript",
}
LARGEST_ACT = 3 * 2**20
SETTLES_WITHIN = 60.0  # real seconds
LOG_LINES = 40
HERE = ("127.0.0.1", "localhost")


class Act(BaseModel):
    """What the page asks for; which of these count depends on the act."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(default="", max_length=64)
    member: str = Field(default="", max_length=64)
    text: str = Field(default="", max_length=2000)
    key: str = Field(default="", max_length=1024)
    task: str = Field(default="", max_length=200)
    link: str = Field(default="", max_length=2048)
    picture: str = Field(default="", max_length=LARGEST_ACT)  # PNG in base64
    message: str = Field(default="", max_length=64)
    group: bool = False
    at_bot: bool = False
    selected: dict[str, str | list[str]] = Field(default_factory=dict, max_length=20)
    minutes: int = Field(default=0, ge=0, le=60 * 24 * 14)


class Log:
    """What the bot just did, a line for each moment at which something changed."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._before: Counter[str] = Counter()

    def take(self, now: str, counted: Counter[str]) -> None:
        """Note what is more than it was."""
        more = {name: count - self._before[name] for name, count in counted.items() if count > self._before[name]}
        self._before = counted
        if more:
            self.lines = [*self.lines, {"at": now, "more": more}][-LOG_LINES:]


class Page:
    """Serves the page, carries out what is done on it, and says how things stand."""

    def __init__(self, sandbox: Sandbox, bot: Bot, timezone: tzinfo) -> None:
        self.play = Play(sandbox, bot)
        self.log = Log()
        self._sandbox = sandbox
        self._bot = bot
        self._timezone = timezone
        self._follow_ups: set[str] = set()  # cards that asked HR to call somebody; settled ones too
        self._one_at_a_time = asyncio.Lock()
        self._acts: dict[str, Callable[[Act], Awaitable[Focus]]] = {
            "import": lambda act: self.play.first_import(),
            "interviews": lambda act: self.play.interviews(),
            "half_a_day": lambda act: self.play.half_a_day(),
            "a_day": lambda act: self.play.a_day(),
            "certificate": lambda act: self.play.certificate(_picture(act)),
            "approval": lambda act: self.play.approval(),
            "clock": lambda act: self.play.push(timedelta(minutes=act.minutes)),
            "next": lambda act: self.play.next_event(),
            "enter": self._enter,
            "say": self._say,
            "tap": self._tap,
            "picture": self._send_picture,
            "reply": self._reply,
            "member_says": self._member_says,
            "member_taps": self._member_taps,
            "feishu_opens": self._feishu_opens,
            "feishu_says": self._feishu_says,
            "feishu_menu": self._feishu_menu,
            "feishu_picture": self._feishu_picture,
            "feishu_taps": self._feishu_taps,
        }

    def routes(self) -> list[web.RouteDef]:
        """All paths of the page."""
        return [
            web.get("/", self._home),
            web.get("/demo", self._page),
            web.get("/demo/{file}", self._static),
            web.get("/demo/state/{person}", self._state),
            web.get("/demo/pictures/{number}", self._shown_picture),
            web.get("/demo/media/{id}", self._media),
            web.post("/demo/act/{name}", self._act),
        ]

    async def begin(self) -> None:
        """The first thing that HR does: import the list."""
        await self.play.first_import()
        await self._settle()
        await self._note(await self._bot.candidates())

    # --- HTTP ------------------------------------------------------------------------------------------------------

    async def _home(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/demo", **HEADERS})

    async def _page(self, request: web.Request) -> web.Response:
        return _file("page.html", "text/html")

    async def _static(self, request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in FILES:
            raise web.HTTPNotFound
        return _file(name, FILES[name])

    async def _shown_picture(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        if not number.isdecimal() or int(number) >= len(self.play.pictures):
            raise web.HTTPNotFound
        return web.Response(body=self.play.pictures[int(number)], content_type="image/png", headers=HEADERS)

    async def _media(self, request: web.Request) -> web.Response:
        """A picture, or a file to save, that the bot has sent to somebody in WeCom."""
        item = self._sandbox.media.shown(request.match_info["id"])
        if item is None:
            raise web.HTTPNotFound
        if item.kind == "image":
            picture = "image/jpeg" if item.content.startswith(b"\xff\xd8") else "image/png"
            return web.Response(body=item.content, content_type=picture, headers=HEADERS)
        saved = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(item.name)}", **HEADERS}
        return web.Response(body=item.content, content_type="application/octet-stream", headers=saved)

    async def _state(self, request: web.Request) -> web.Response:
        return _json(await self._whole(request.match_info["person"]))

    async def _act(self, request: web.Request) -> web.Response:
        if request.url.host not in HERE or request.content_type != "application/json":
            raise web.HTTPForbidden  # another page in the same browser must not turn the clock
        perform = self._acts.get(request.match_info["name"])
        if perform is None:
            raise web.HTTPNotFound
        try:
            act = Act.model_validate_json(await request.read())
            async with self._one_at_a_time:
                focus = await perform(act)
                await self._settle()
        except ValidationError:
            return _json({"problem": "this is no order that the page gives"}, 400)
        except (NotNow, LookupError) as error:
            await self._settle()
            return _json({"problem": str(error), **await self._whole(act.person)}, 409)
        toast = focus.toast.to_json() if focus.toast else None
        return _json({"focus": focus.to_json(), "toast": toast, **await self._whole(focus.person or act.person)})

    async def _settle(self) -> None:
        async with asyncio.timeout(SETTLES_WITHIN):
            await self._bot.settle()

    # --- acts that need to know who ----------------------------------------------------------------------------------

    async def _who(self, act: Act) -> Candidate:
        for one in await self._bot.candidates():
            if one.id == act.person:
                return one
        raise NotNow("there is no such candidate")

    async def _enter(self, act: Act) -> Focus:
        return await self.play.enter(await self._who(act), act.link)

    async def _say(self, act: Act) -> Focus:
        return await self.play.say(await self._who(act), act.text)

    async def _tap(self, act: Act) -> Focus:
        return await self.play.tap(await self._who(act), act.key)

    async def _send_picture(self, act: Act) -> Focus:
        return await self.play.send_picture(await self._who(act), _picture(act))

    async def _reply(self, act: Act) -> Focus:
        return await self.play.reply(await self._who(act), act.text)

    async def _member_says(self, act: Act) -> Focus:
        return await self.play.member_says(_member(act), act.text)

    async def _member_taps(self, act: Act) -> Focus:
        return await self.play.member_taps(_member(act), act.task, act.key, act.selected)

    # --- acts in Feishu ----------------------------------------------------------------------------------------------

    async def _in_feishu(self, act: Act) -> tuple[Person, Focus]:
        """Whose hand this is, a member's or else the candidate's; and where the page looks afterwards."""
        if not act.member:
            who = await self._who(act)
            return self.play.feishu.person(who), Focus(who.id, "feishu")
        userid = _member(act)
        if act.group:
            return self.play.feishu.members[userid], Focus(desk="feishu.group")
        return self.play.feishu.members[userid], Focus(desk=f"feishu.{userid}")

    def _stays_in_feishu(self, act: Act) -> None:
        """A member is reached where they wrote or tapped last; opening the chat is neither."""
        if act.member and not act.group:
            self.play.in_feishu.add(act.member)

    async def _feishu_opens(self, act: Act) -> Focus:
        person, focus = await self._in_feishu(act)
        person.open_bot()
        return focus

    async def _feishu_says(self, act: Act) -> Focus:
        person, focus = await self._in_feishu(act)
        self._stays_in_feishu(act)
        self.play.feishu.say(person, act.text, group=bool(act.member) and act.group, at_bot=act.at_bot)
        return focus

    async def _feishu_menu(self, act: Act) -> Focus:
        person, focus = await self._in_feishu(act)
        self._stays_in_feishu(act)
        self.play.feishu.choose_menu(person, act.key)
        return focus

    async def _feishu_picture(self, act: Act) -> Focus:
        person, focus = await self._in_feishu(act)
        self.play.feishu.send_picture(person, _picture(act))
        return focus

    async def _feishu_taps(self, act: Act) -> Focus:
        person, focus = await self._in_feishu(act)
        self._stays_in_feishu(act)
        return replace(focus, toast=await self.play.feishu.press(person, act.message, act.key, act.selected))

    # --- how things stand --------------------------------------------------------------------------------------------

    async def _whole(self, person: str) -> dict[str, Any]:
        people = await self._bot.candidates()
        await self._note(people)
        who = next((one for one in people if one.id == person), people[0] if people else None)
        now = self._sandbox.clock.now().astimezone(self._timezone)
        return {
            "now": now.isoformat(),
            "company": COMPANY,
            "people": [self._row(one) for one in people],
            "phone": await self._phone(who) if who else None,
            "desks": self._desks(),
            "members": MEMBERS,
            "steps": self._steps(people),
            "log": self.log.lines,
        }

    def _desks(self) -> dict[str, list[dict[str, Any]]]:
        """HR's side: private chats and the group, in WeCom and in Feishu."""
        feishu = self.play.feishu
        return {
            **{userid: self._chat("app", userid, self._sandbox.app.messages(userid)) for userid in MEMBERS},
            "group": [message_json(message) for message in self._sandbox.robot.messages()],
            **{f"feishu.{userid}": self._feishu_chat(person) for userid, person in feishu.members.items()},
            "feishu.group": _talk(feishu.lines(feishu.group.id), feishu.members["hr"].sees(feishu.group.id)),
        }

    def _row(self, one: Candidate) -> dict[str, Any]:
        return {
            "id": one.id,
            "name": one.name,
            "shop": one.shop,
            "position": one.position,
            "stage": one.stage,
            "status": one.status,
            "reached": [mark for mark in (*MARKS, *ALSO) if mark in one.reached],
            "sms": len(self._sandbox.sms.messages(one.phone)),
            "wechat": len(self._sandbox.kf.messages(account(one))),
            "feishu": len(self._feishu_messages(one)),
            "chat": one.chat,
        }

    async def _phone(self, who: Candidate) -> dict[str, Any]:
        return {
            "person": who.id,
            "number": who.phone,
            "sms": self._chat("sms", who.phone, self._sandbox.sms.messages(who.phone)),
            "wechat": self._chat("kf", account(who), self._sandbox.kf.messages(account(who))),
            "feishu": self._feishu_chat(self.play.feishu.known(who)),
            "entered": self._sandbox.kf.conversation(account(who)).entered is not None,
            "story": await self._bot.history(who.id),
        }

    def _chat(self, where: str, who: str, messages: Sequence[Sent]) -> list[dict[str, Any]]:
        """Both halves of a conversation, in the order of time."""
        return _talk(self.play.lines.get((where, who), []), messages)

    def _feishu_chat(self, person: Person | None) -> list[dict[str, Any]]:
        return _talk(self.play.feishu.lines(person.open_id), person.sees()) if person else []

    def _feishu_messages(self, one: Candidate) -> Sequence[Sent]:
        person = self.play.feishu.known(one)
        return person.sees() if person else ()

    async def _note(self, people: Sequence[Candidate]) -> None:
        """Keep the log of what the bot did."""
        counters = self._sandbox.record.counters
        counted = Counter({surface: counters[surface] for surface in SURFACES})
        counted.update(mark for one in people for mark in one.reached)
        counted.update(one.status for one in people if one.status != "open")
        self.log.take(self._sandbox.clock.now().astimezone(self._timezone).isoformat(), counted)

    def _steps(self, people: Sequence[Candidate]) -> dict[str, dict[str, Any]]:
        """The facts by which the guide lights up."""
        reached = Counter(mark for one in people for mark in one.reached)
        total = len(people)
        asked = [*self._sandbox.app.messages("hr"), *self.play.feishu.members["hr"].sees()]
        self._follow_ups |= {m.task_id or m.msgid for m in asked if _offers(m, "reached:", but="pass:")}
        cards = len(self._follow_ups)
        alerts = sum(1 for m in self._sandbox.robot.messages() if BATCH in m.text)  # others are about one person
        waiting = sum(1 for message in asked if _offers(message, "approve:"))
        imported = {**self.play.imported, "again": self.play.again}
        sending = next((one for one in people if may_send(one)), None)
        uploaded = [one for one in people if "uploaded" in one.reached]
        about = uploaded[-1] if uploaded else sending
        booking = next((one.name for one in people if may_book(one)), "")
        return {
            "import": {"done": bool(people) and reached["invited"] == total, "invited": reached["invited"], **imported},
            "interviews": {
                "done": reached["interviewed"] > 0,
                "clicked": reached["clicked"],
                "interviewed": reached["interviewed"],
                "total": total,
                "waiting": max(total - reached["clicked"] - STAY_AWAY, 0),
            },
            "half_a_day": {
                "done": reached["reminded"] > 0,
                "reminded": [one.name for one in people if "reminded" in one.reached],
            },
            "a_day": {"done": cards > 0 and alerts > 0, "cards": cards, "alerts": alerts},
            "certificate": {
                "done": reached["uploaded"] > 0,
                "uploaded": [one.name for one in uploaded],
                "next": sending.name if sending else "",
                "in_feishu": about is not None and about.chat == "feishu",
            },
            "approval": {
                "done": reached["booked"] > 0,
                "waiting": waiting,
                "next": booking,
                "approved": reached["approved"],
                "booked": [one.name for one in people if "booked" in one.reached],
            },
        }


HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-src http://127.0.0.1:* http://localhost:*;"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def _file(name: str, content_type: str) -> web.Response:
    text = (STATIC / name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=content_type, headers=HEADERS)


def _json(body: Mapping[str, Any], status: int = 200) -> web.Response:
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=HEADERS)


def _picture(act: Act) -> bytes:
    try:
        picture = base64.b64decode(act.picture, validate=True)
    except binascii.Error:
        picture = b""
    if not picture.startswith(b"\x89PNG\r\n\x1a\n"):
        raise NotNow("this is no picture")
    return picture


def _member(act: Act) -> str:
    if act.member not in MEMBERS:
        raise NotNow("there is no such member")
    return act.member


def _talk(ours: Sequence[Line], theirs: Sequence[Sent]) -> list[dict[str, Any]]:
    """What was said by hand and what the bot wrote, in the order of time."""
    told = [*(line.to_json() for line in ours), *(message_json(one) for one in theirs if not one.recalled)]
    return sorted(told, key=lambda line: str(line["at"]))


def _offers(message: Sent, verb: str, *, but: str = "") -> bool:
    """Whether a message has a button of this kind that can still be tapped, and none of the other."""
    verbs = [key.partition(":")[0] + ":" for _, key in message.buttons]
    return verb in verbs and but not in verbs
