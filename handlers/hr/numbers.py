"""/funnel, /alerts and /threshold: how a batch does, and from where on HR hears of it."""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from handlers.hr import undo
from handlers.hr.batches import offers_of, one_batch, tapped_batch
from handlers.hr.scope import COMMANDS, actor
from handlers.routing import Form, Offer, Routes, Turn, Values
from recruiting.process import Process, Rate, Role
from recruiting.rates import exact
from storage import alerts, batches, funnel, thresholds, trail
from storage.batches import Found

routes = Routes()

FUNNEL, THRESHOLD = "funnel", "threshold"  # what a yes is about
OTHERS = 3  # further batches that have a button
FUNNELS = 3  # processes of one batch that are shown
LISTED = 10  # alerts
# What people call the rates, beside their own ids.
_NAMES: Mapping[Rate, tuple[str, ...]] = {
    Rate.NO_SHOW: ("缺席率", "缺席", "爽约率", "爽约", "不参加率", "no-show rate"),
    Rate.NO_REPLY: ("无回应率", "无回应", "未回复率", "未回复", "无反应率", "無反応率", "no-reply rate"),
    Rate.CERTIFICATE_MISSING: ("缺证率", "缺证", "未提出率", "missing-certificate rate"),
    Rate.DELIVERY_FAILURE: ("发送失败率", "发送失败", "不达率", "不達率", "delivery-failure rate"),
}
_PERCENT = re.compile(r"(?P<number>\d{1,3})\s*%?$")


# --- the funnel -----------------------------------------------------------------------------------------------------


@routes.command("funnel", COMMANDS["funnel"])
async def tell_funnel(turn: Turn) -> None:
    """How many came to each stage of a batch and passed it; without a name, of the newest one."""
    assert turn.member is not None
    newest = await batches.newest(turn.unit, turn.member["shops"], OTHERS + 1)
    if turn.argument:
        batch = await one_batch(turn, turn.argument)
    elif newest:
        batch = newest[0]
    else:
        turn.reply("command.funnel.none")
        return
    if batch is not None:
        others = [] if turn.argument else newest[1:]
        await _tell_funnel(turn, batch, others)


async def funnel_tapped(turn: Turn) -> None:
    """Another batch's funnel."""
    batch = await tapped_batch(turn)
    if batch is not None:
        await _tell_funnel(turn, batch, [])


async def _tell_funnel(turn: Turn, batch: Found, others: Sequence[Found]) -> None:
    assert turn.member is not None
    trail.note(turn.unit, actor(turn), "funnel", batch.id)
    shown = (await funnel.of_batch(turn.unit, batch.id, turn.member["shops"]))[:FUNNELS]
    offers = [*offers_of(turn, batch), *(_other(one) for one in others)]
    for number, one in enumerate(shown):
        fields = [(_words(step.stage.name), _numbers(step)) for step in one.steps]
        points = [(_words(step.stage.name), float(step.entered)) for step in one.steps]
        points.append(({"$say": "statuses.hired"}, float(one.hired)))
        turn.reply(
            "command.funnel.head",
            fields=[*fields, ({"$say": "statuses.hired"}, str(one.hired))],
            chart=("funnel", points),
            offers=offers if number == len(shown) - 1 else [],
            batch=batch.name,
            process=_words(one.process.name),
            count=one.applications,
        )


def _numbers(step: funnel.Step) -> dict[str, Any]:
    values = {"entered": step.entered, "passed": step.passed, "now": step.present}
    return {"$say": "command.funnel.step", "values": values}


def _other(batch: Found) -> Offer:
    return Offer("", "confirm", f"{FUNNEL}|{batch.id}", text=batch.name)


def _words(name: Mapping[str, str]) -> dict[str, Any]:
    return {"$words": dict(name)}


# --- alerts ---------------------------------------------------------------------------------------------------------


@routes.command("alerts", COMMANDS["alerts"])
async def tell_alerts(turn: Turn) -> None:
    """The rates that stand above their threshold now, with what can be done about them."""
    assert turn.member is not None
    trail.note(turn.unit, actor(turn), "alerts", "")
    standing = await alerts.standing(turn.unit, turn.member["shops"])
    if not standing:
        turn.reply("command.alerts.none")
        return
    shown = standing[:LISTED]
    lines: list[tuple[str, Values]] = [("command.alerts.line", _alert(one)) for one in shown]
    concerned = {one.batch.id: one.batch for one in shown}
    muted = [one for one in concerned.values() if one.muted_until is not None and one.muted_until > turn.now]
    for batch in muted:
        assert batch.muted_until is not None
        until = {"$when": batch.muted_until.isoformat()}
        lines.append(("command.alerts.muted", {"batch": batch.name, "until": until}))
    if len(concerned) == 1:
        batch = next(iter(concerned.values()))
        offers = [*offers_of(turn, batch), Offer("buttons.funnel", "confirm", f"{FUNNEL}|{batch.id}")]
    else:
        offers = [_other(batch) for batch in concerned.values()]
    turn.reply("command.alerts.head", lines=lines, offers=offers)


def _alert(one: alerts.Standing) -> Values:
    stage = one.process.watched_stage(one.alert)
    return {
        "batch": one.batch.name,
        "stage": _words(stage.name if stage else one.process.name),
        "kind": _kind(one.alert.rate),
        "rate": {"$percent": float(one.counts.rate or 0)},
        "missed": one.counts.missed,
        "due": one.counts.due,
        "at": {"$percent": one.alert.at},
    }


# --- thresholds -----------------------------------------------------------------------------------------------------


@routes.command("threshold", COMMANDS["threshold"])
async def threshold(turn: Turn) -> None:
    """See the thresholds, or move one: at once, for every process and its running batches."""
    if not _may(turn):
        turn.reply("refused.not_yours")
    elif turn.argument:
        name, _, percent = turn.argument.strip().rpartition(" ")
        await _change(turn, *((name, percent) if name else _apart(turn.argument)))
    else:
        await _tell_thresholds(turn)


async def threshold_entered(turn: Turn) -> None:
    """The form of a card was sent off."""
    if _may(turn):
        await _change(turn, turn.entered("rate"), turn.entered("percent"))
    else:
        turn.reply("refused.not_yours")


async def undo_threshold(turn: Turn) -> None:
    """The threshold goes back to where it was, unless somebody has moved it since."""
    if undo.too_late(turn):
        return
    rate, changed_at = undo.details_of(turn)
    undone = await thresholds.take_back(turn.unit, Rate(rate), datetime.fromisoformat(changed_at))
    if undone:
        trail.note(turn.unit, actor(turn), "threshold.undo", rate)
    undo.done(turn, undone=undone)


def _may(turn: Turn) -> bool:
    assert turn.member is not None
    return bool(turn.member["role"] != Role.MANAGER.value)


async def _tell_thresholds(turn: Turn) -> None:
    lines = await thresholds.now(turn.unit)
    if not lines:
        turn.reply("command.threshold.none")
        return
    rates = list(dict.fromkeys(line.rate for line in lines))
    told: list[tuple[str, Values]] = []
    for rate in rates:
        of_rate = [line for line in lines if line.rate is rate]
        if len({line.at for line in of_rate}) == 1:
            told.append(("command.threshold.line", {"kind": _kind(rate), "at": {"$percent": of_rate[0].at}}))
        else:
            told += [("command.threshold.line_of", _of_process(line.process, line)) for line in of_rate]
    told.append(("command.threshold.how", {"usage": {"$say": "command.usage.threshold"}}))
    form = Form(
        [
            ("rate", "form.rate", "choice", [(rate.value, f"rates.{rate.value}") for rate in rates], ""),
            ("percent", "form.percent", "text", (), ""),
        ],
        Offer("buttons.change", "confirm", THRESHOLD, style="primary"),
    )
    turn.reply("command.threshold.head", lines=told, form=form)


def _of_process(process: Process, line: thresholds.Line) -> Values:
    return {"kind": _kind(line.rate), "at": {"$percent": line.at}, "process": _words(process.name)}


async def _change(turn: Turn, name: str, percent: str) -> None:
    rate, at = _rate(name), _share(percent)
    if rate is None:
        _tell_rates(turn, name)
    elif at is None:
        turn.reply("command.threshold.bad")
    else:
        await _move(turn, rate, at)


async def _move(turn: Turn, rate: Rate, at: float) -> None:
    before = await thresholds.change(turn.unit, rate, at)
    if not before:
        turn.reply("command.threshold.unwatched", kind=_kind(rate))
        return
    was = sorted({line.at for line in before})
    told = " / ".join(f"{int(exact(one) * 100 + exact(0.5))}%" for one in was)
    trail.note(turn.unit, actor(turn), "threshold", rate.value, f"{told} -> {at:.0%}")
    turn.settle_card("settled.changed")
    turn.reply(
        "command.threshold.ok",
        kind=_kind(rate),
        before=told,
        at={"$percent": at},
        offers=[undo.offer("threshold", rate.value, turn.now.isoformat())],
    )


def _tell_rates(turn: Turn, name: str) -> None:
    names = {said: rate for rate in Rate for said in (rate.value, *_NAMES[rate])}
    close = difflib.get_close_matches(_plain(name), list(names), 1, 0.5)
    lines: list[tuple[str, Values]] = [
        ("command.threshold.rate", {"kind": _kind(rate), "id": rate.value})
        for rate in ([names[close[0]]] if close else Rate)
    ]
    turn.reply("command.threshold.which" if close else "command.threshold.unknown", lines=lines, query=name[:40])


def _kind(rate: Rate) -> dict[str, str]:
    return {"$say": f"rates.{rate.value}"}


def _rate(name: str) -> Rate | None:
    plain = _plain(name)
    return next((rate for rate in Rate if plain in {rate.value, *_NAMES[rate]}), None)


def _plain(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).strip().casefold()
    return re.sub(r"[\s-]+", "_", plain) if re.fullmatch(r"[a-z_\s-]+", plain) and "rate" not in plain else plain


def _share(percent: str) -> float | None:
    """ "8%" as 0.08; whole percents from 1 to 100."""
    found = _PERCENT.match(unicodedata.normalize("NFKC", percent).strip())
    number = int(found["number"]) if found else 0
    return number / 100 if 1 <= number <= 100 else None


def _apart(words: str) -> tuple[str, str]:
    """A name and the number that stands right behind it, such as 缺席率8%."""
    plain = unicodedata.normalize("NFKC", words).strip()
    found = re.search(r"\d+\s*%?$", plain)
    return (plain[: found.start()], found[0]) if found else (plain, "")
