"""HR's desk: how long /status and /todo take from the callback to the answer, while 100 callbacks a second come in.

`python -m bench.desk server DATABASE_URL FOLDER API_PORT` is the bot in a process of its own; `python -m bench.desk ask
FILE` says the port of a pretended WeCom, reads the bot's port, asks the questions of that file and prints seconds.
"""

import asyncio
import json
import logging
import random
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from sqlalchemy import update

from bench.crowd import multiply_postgres, multiply_sqlite
from bench.house import (
    MORNING,
    POSITION,
    SHOPS,
    WECOM,
    House,
    folder,
    free_port,
    house,
    new_database,
    postgres,
    product_url,
    run_apart,
    said,
    sqlite_url,
)
from bench.table import Report, Target, figure
from bench.wecom_load import PATH
from bot.app import Bot, listening
from bot.clock import Clock
from bot.platforms.wecom.crypto import CallbackCrypto
from bot.texts import standard_texts
from recruiting.model import FollowUpDone
from storage import intake, members
from storage.applications import load
from storage.apply import Course
from storage.tables import OutboxRow
from storage.unit import Unit

REAL = 1_000
RECRUITERS, ADMINS = 20, 4
FRAGILE, SETTLED = 350, 100  # nobody can be written to: each has a task for HR; so many of these are settled
NAMESAKES = 25  # of two names each: more than a list shows
LATER = timedelta(hours=1)
CALLBACKS = 100  # a second, beside the questions
STRANGERS = 100  # accounts from which they come: each is answered once an hour, before anything is measured
WARM_UP = 3.0  # seconds after that
QUESTIONS = 4  # a second
PATIENCE = 30.0  # seconds
SURNAMES = "赵钱孙李周吴郑冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
GIVEN = "春夏秋冬风花雪月山水江河海天云雨雷星辰光明亮清静安宁和平康健福寿喜乐文武才德仁义礼智信勇"
TARGET = 300.0
ABOUT = (
    "Milliseconds from the moment in which HR's WeCom message is sent, a sealed callback, until its answer is accepted "
    "by a pretended WeCom: verified, committed, handled in a turn, the answer committed, rendered, frozen, posted. "
    "{count} questions, {a_second} a second, of {members} members; {callbacks} other callbacks a second come in "
    "meanwhile, from accounts that nobody knows. status: by name, number or id, and by a name that many bear. todo: "
    "recruiters of two or three shops, and admins of all. The bot runs with all its workers in a process of its own."
)


# --- who is there -----------------------------------------------------------------------------------------------------


def _shop(number: int) -> str:
    return f"{number % SHOPS}号店"


def _names(count: int) -> list[str]:
    """Names as they are: two that many bear, the others rare."""
    drawn = random.Random(4)
    rare: set[str] = set()
    while len(rare) < count:
        rare.add(drawn.choice(SURNAMES) + drawn.choice(GIVEN) + drawn.choice(GIVEN))
    common = ["王伟"] * NAMESAKES + [f"{SURNAMES[number]}建国" for number in range(NAMESAKES)]
    return common + sorted(rare)[: count - len(common)]


async def people(home: House) -> list[tuple[str, str, str]]:
    """Members, and applications as an import opens them; of who has a phone: the shop, and two ways to ask for them.

    Follow-ups come from people whom nothing reaches.
    """

    async def staff(unit: Unit) -> None:
        for number in range(RECRUITERS):
            shops = [_shop(shop) for shop in range(number, SHOPS, RECRUITERS)]
            await members.put(unit, f"r{number}", role="recruiter", shops=shops, wecom=f"r{number}")
        for number in range(ADMINS):
            await members.put(unit, f"a{number}", role="admin", shops=[], wecom=f"a{number}")

    await home.bot.dispatch.within(staff, home.clock.now())
    names = _names(REAL)
    rows = [
        intake.Applicant(name, f"+86139{number:08}", None, POSITION, _shop(number), "三月")
        if number < REAL - FRAGILE
        else intake.Applicant(name, None, f"{number}@example.com", POSITION, _shop(number), "三月")
        for number, name in enumerate(names)
    ]
    ids: list[str] = []
    for start in range(0, REAL, intake.AT_ONCE):

        async def job(unit: Unit, some: Sequence[intake.Applicant] = rows[start : start + intake.AT_ONCE]) -> list[str]:
            opened = await intake.open_many(unit, some, imported=True, actor="rule")
            return [one.id for one in opened if isinstance(one, intake.Opening)]

        ids += await home.bot.dispatch.within(job, home.clock.now())
    await home.bot.dispatch.within(lambda unit: _settle(unit, ids[-SETTLED:]), home.clock.now())
    await home.bot.outbox.sweep(home.clock.now())
    await home.bot.dispatch.within(_all_sent, home.clock.now())
    await home.bot.rates.sweep(home.clock.now())
    return [
        (row.shop, row.name, known)
        for row, id, number in zip(rows, ids, range(REAL), strict=True)
        if 2 * NAMESAKES <= number < REAL - FRAGILE
        for known in [(row.phone or "").removeprefix("+86") if number % 2 else id[:8]]
    ]


async def _all_sent(unit: Unit) -> None:
    """As if the members' cards had left: nobody answers here yet."""
    await unit.run(update(OutboxRow).where(OutboxRow.c.status == "waiting").values(status="accepted"))


async def _settle(unit: Unit, ids: Sequence[str]) -> None:
    course = Course(unit)
    for loaded in (await load(unit, ids)).values():
        await course.take(loaded, FollowUpDone("reached", "member:r0", ""))
    await course.save()


def questions(known: Sequence[tuple[str, str, str]], count: int) -> list[dict[str, str]]:
    """Who asks what, and a word that the answer must hold."""
    drawn = random.Random(4)
    by_recruiter = [[one for one in known if int(one[0][:-2]) % RECRUITERS == number] for number in range(RECRUITERS)]
    asked = []
    for number in range(count):
        turn, who = divmod(number, RECRUITERS + ADMINS)
        if who >= RECRUITERS:
            name = ("王伟", "建国")[turn // 2 % 2]
            question = ("/status " + name, name) if turn % 2 else ("/todo", "待办")
            asked.append({"from": f"a{who - RECRUITERS}", "text": question[0], "holds": question[1]})
            continue
        _, name, other = drawn.choice(by_recruiter[who])
        question = ("/todo", "待办") if (turn + who) % 2 else (f"/status {drawn.choice((name, other))}", name)
        asked.append({"from": f"r{who}", "text": question[0], "holds": question[1]})
    return asked


# --- the bot, and who asks it -----------------------------------------------------------------------------------------


class RunningClock(Clock):
    """The wall clock, set back to the morning on which the candidates were invited."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = super().now()

    def now(self) -> datetime:
        """A little later than the invites, aware, UTC."""
        return MORNING + LATER + (super().now() - self._begun)


async def serve(url: str, place: str, api: str) -> None:
    """The bot with everything running."""
    platform = WECOM | {"BULOU_WECOM__API_BASE": f"http://127.0.0.1:{api}"}
    async with house(url, Path(place), platform) as home:
        bot = Bot(home.bot.settings, home.ground, RunningClock(), standard_texts())
        port = free_port()
        async with listening(bot.web(), "127.0.0.1", port):
            print(port, flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


class Asker:
    """A pretended WeCom: brings messages to the bot, and takes its answers."""

    def __init__(self) -> None:
        self._crypto = CallbackCrypto(
            WECOM["BULOU_WECOM__TOKEN"], WECOM["BULOU_WECOM__AES_KEY"], WECOM["BULOU_WECOM__CORP_ID"]
        )
        self._clock = RunningClock()
        self._sent = 0
        self._waiting: dict[str, tuple[str, asyncio.Future[float]]] = {}  # account -> what is awaited, when it came
        self._asking: dict[str, asyncio.Lock] = {}  # who waits for an answer asks nothing else
        self._got: dict[str, str] = {}  # account -> the last answer

    def app(self) -> web.Application:
        """What the bot calls."""
        app = web.Application()
        app.router.add_get("/cgi-bin/gettoken", self._token)
        app.router.add_post("/cgi-bin/message/send", self._take)
        app.router.add_get("/cgi-bin/user/get", self._member)
        return app

    async def _token(self, _: web.Request) -> web.Response:
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": "token", "expires_in": 7200})

    async def _member(self, request: web.Request) -> web.Response:
        return web.json_response({"errcode": 0, "errmsg": "ok", "userid": request.query["userid"], "status": 1})

    async def _take(self, request: web.Request) -> web.Response:
        came = time.perf_counter()
        body = await request.json()
        answer = self._got[body["touser"]] = json.dumps(body, ensure_ascii=False)
        holds, waiting = self._waiting.get(body["touser"], ("", None))
        if waiting is not None and not waiting.done() and holds in answer:
            waiting.set_result(came)
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": f"m{came}", "response_code": f"c{came}"})

    async def run(self, port: int, asked: Sequence[Mapping[str, str]]) -> dict[str, list[float]]:
        """Ask, under load; seconds by command. Raises RuntimeError: an answer was another, or none."""
        url = f"http://127.0.0.1:{port}{PATH}"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            load = asyncio.create_task(self._load(session, url))
            async with asyncio.timeout(PATIENCE):
                while len(self._got) < STRANGERS:
                    await asyncio.sleep(0.1)
            await asyncio.sleep(WARM_UP)
            asking = []
            begun = time.perf_counter()
            for number, question in enumerate(asked):
                await asyncio.sleep(max(begun + number / QUESTIONS - time.perf_counter(), 0))
                asking.append(asyncio.create_task(self._ask(session, url, question)))
            seconds: dict[str, list[float]] = {}
            for question, took in zip(asked, await asyncio.gather(*asking), strict=True):
                seconds.setdefault(question["text"].split()[0], []).append(took)
            load.cancel()
        return seconds

    async def _ask(self, session: aiohttp.ClientSession, url: str, question: Mapping[str, str]) -> float:
        waiting: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        async with self._asking.setdefault(question["from"], asyncio.Lock()):
            self._waiting[question["from"]] = question["holds"], waiting
            begun = time.perf_counter()
            await self._send(session, url, question["from"], question["text"])
            try:
                return await asyncio.wait_for(waiting, PATIENCE) - begun
            except TimeoutError:
                got = self._got.get(question["from"], "nothing")
                raise RuntimeError(f"{question['text']} of {question['from']} was answered with {got}") from None

    async def _load(self, session: aiohttp.ClientSession, url: str) -> None:
        begun, sent = time.perf_counter(), 0
        async with asyncio.TaskGroup() as group:
            while True:
                await asyncio.sleep(max(begun + sent / CALLBACKS - time.perf_counter(), 0))
                group.create_task(self._send(session, url, f"stranger{sent % STRANGERS}", "你好"))
                sent += 1

    async def _send(self, session: aiohttp.ClientSession, url: str, account: str, text: str) -> None:
        self._sent += 1
        corp_id = WECOM["BULOU_WECOM__CORP_ID"]
        now, nonce = str(int(self._clock.now().timestamp())), str(1_000_000 + self._sent)
        message = (
            f"<xml><ToUserName><![CDATA[{corp_id}]]></ToUserName><FromUserName><![CDATA[{account}]]></FromUserName>"
            f"<CreateTime>{now}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDATA[{text}]]></Content>"
            f"<MsgId>{self._sent}</MsgId><AgentID>1000002</AgentID></xml>"
        )
        encrypted = self._crypto.seal(message.encode())
        signature = self._crypto.sign(now, nonce, encrypted)
        body = (
            f"<xml><ToUserName><![CDATA[{corp_id}]]></ToUserName><AgentID><![CDATA[1000002]]></AgentID>"
            f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        )
        query = {"msg_signature": signature, "timestamp": now, "nonce": nonce}
        async with session.post(url, params=query, data=body.encode()) as response:
            if response.status != 200:
                raise RuntimeError(f"a callback was answered with {response.status}")
            await response.read()


async def ask(file: str) -> None:
    """Be the pretended WeCom of one run."""
    asker, port = Asker(), free_port()
    async with listening(asker.app(), "127.0.0.1", port):
        print(port, flush=True)
        bot = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        print(json.dumps(await asker.run(int(bot), json.loads(Path(file).read_text(encoding="utf-8")))), flush=True)


# --- measuring --------------------------------------------------------------------------------------------------------


async def _filled(place: Path, server: str, database: str, size: int, count: int) -> tuple[str, Path]:
    """The address of a database with so many candidates, and the file of questions about the real ones."""
    address = await new_database(server) if database == "PostgreSQL" else ""
    path, asked = place / f"{size}.db", place / "questions.json"
    url = product_url(address) if address else sqlite_url(path)
    async with house(url, place, WECOM) as home:
        known = await people(home)
    asked.write_text(json.dumps(questions(known, count)), encoding="utf-8")
    if address:
        await multiply_postgres(address, size // REAL - 1)
    else:
        multiply_sqlite(path, size // REAL - 1)
    return url, asked


async def _answered(url: str, place: Path, asked: Path) -> dict[str, list[float]]:
    """Milliseconds by command, sorted."""
    asker = await run_apart("-m", "bench.desk", "ask", str(asked))
    api = await said(asker)
    bot = await run_apart("-m", "bench.desk", "server", url, str(place), api)
    try:
        port = await said(bot)
        assert asker.stdin is not None
        asker.stdin.write(f"{port}\n".encode())
        seconds: dict[str, list[float]] = json.loads(await said(asker))
    finally:
        for process in (bot, asker):
            if process.returncode is None:
                process.kill()
            await process.wait()
    return {command: sorted(each * 1_000 for each in took) for command, took in seconds.items()}


def _p99(sorted_values: Sequence[float]) -> float:
    return sorted_values[len(sorted_values) * 99 // 100]


async def measure(quick: bool) -> Report:
    """Run it."""
    sizes = (REAL, 20_000) if quick else (REAL, 1_000_000)
    count = 144 if quick else 400
    about = ABOUT.format(count=count, a_second=QUESTIONS, members=RECRUITERS + ADMINS, callbacks=CALLBACKS)
    report = Report("desk", about, ("case", "middle", "p99", "slowest", "p99 / nearly empty"))
    with folder() as place, postgres(place) as server:
        for database in ("SQLite", "PostgreSQL"):
            found: dict[int, Any] = {}
            for size in sizes:
                url, asked = await _filled(place, server, database, size, count)
                found[size] = await _answered(url, place, asked)
                for leftover in place.glob("*.db*"):
                    leftover.unlink()
            _compare(report, database, found)
    return report


def _compare(report: Report, database: str, found: Mapping[int, Mapping[str, Sequence[float]]]) -> None:
    least = min(found)
    for size, commands in found.items():
        for command, took in sorted(commands.items()):
            slow = _p99(took)
            ratio = figure(slow / _p99(found[least][command]), "x")
            case = f"{command}, {database}, {size:,} candidates"
            report.rows.append((case, figure(took[len(took) // 2]), figure(slow), figure(took[-1]), ratio))
            if size > least:
                report.targets.append(Target(f"{case}, p99", slow, TARGET, False, "ms"))


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(ask(*sys.argv[2:]) if sys.argv[1] == "ask" else serve(*sys.argv[2:]))
