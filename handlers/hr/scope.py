"""What a member may see and do. What lies outside is answered word for word like what does not exist."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from handlers.routing import Form, Offer, Turn, Values
from recruiting.contacts import last_four
from recruiting.process import Role, StageKind
from storage import reports, search
from storage.applications import Loaded, load_one
from storage.members import covers

SHOWN_ID = 8  # letters of an id that people are shown; six are enough to type
MATCHES = 5
LONGEST_REASON = 200
NAME_WORDS = 4  # "Li Lei" has two; more than four words are no name

COMMANDS = {
    "help": "帮助",
    "status": "状态",
    "why": "为什么",
    "funnel": "漏斗",
    "todo": "待办",
    "done": "完成",
    "remind": "催办",
    "pass": "通过",
    "reject": "淘汰",
    "cert": "健康证",
    "alerts": "预警",
    "threshold": "阈值",
    "mute": "静音",
    "pause": "暂停",
    "resume": "恢复",
    "lang": "语言",
    "contact": "联系方式",
    "import": "导入",
    "export": "导出",
    "dashboard": "看板",
    "member": "成员",
}
NOT_FOR_MANAGERS = frozenset({"cert", "threshold", "mute", "pause", "resume", "contact", "import", "export"})
ONLY_FOR_ADMINS = frozenset({"member"})


def actor(turn: Turn) -> str:
    """Under which name the history and the audit log keep what this member does."""
    assert turn.member is not None
    return f"member:{turn.member['name']}"


def commands_of(member: Mapping[str, Any]) -> Sequence[str]:
    """The commands that this member may use, by their English names."""
    hidden = NOT_FOR_MANAGERS if member["role"] == Role.MANAGER.value else frozenset()
    if member["role"] != Role.ADMIN.value:
        hidden |= ONLY_FOR_ADMINS
    return [name for name in COMMANDS if name not in hidden]


def may_decide(member: Mapping[str, Any], loaded: Loaded) -> bool:
    """Managers decide about those they meet; who reviews a stage stands in the process, recruiters if nothing does."""
    stage = loaded.application.now_in
    if not covers(member, loaded.shop):
        return False
    match member["role"]:
        case Role.MANAGER:
            return stage.kind is StageKind.MEETING or stage.reviewers is Role.MANAGER
        case Role.RECRUITER:
            return stage.reviewers is not Role.ADMIN
        case _:
            return True


def may_review(member: Mapping[str, Any], loaded: Loaded) -> bool:
    """Whether a member may decide about documents: never a manager."""
    return member["role"] != Role.MANAGER.value and may_decide(member, loaded)


def may_look(member: Mapping[str, Any], loaded: Loaded, stage: str) -> bool:
    """Whether a member may look at a document of this stage: its reviewers, never a manager."""
    if member["role"] == Role.MANAGER.value or not covers(member, loaded.shop):
        return False
    reviewers = loaded.application.process.stage(stage).reviewers
    return member["role"] == Role.ADMIN.value or reviewers is not Role.ADMIN


async def tapped(turn: Turn) -> Loaded | None:
    """The application whose button was tapped, while it lies in the member's shops."""
    assert turn.member is not None
    if turn.button is None or not turn.button["application_id"]:
        return None
    loaded = await load_one(turn.unit, turn.button["application_id"])
    return loaded if loaded is not None and covers(turn.member, loaded.shop) else None


async def find(turn: Turn, words: str) -> list[Loaded]:
    """The applications in the member's shops that a name, number or id means; newest first."""
    assert turn.member is not None
    return await search.applications(turn.unit, words, turn.member["shops"])


async def find_first(turn: Turn, words: str) -> tuple[list[Loaded], str]:
    """Whom the first words mean, and the words that follow: a name may have several words itself."""
    tokens = words.split()
    for count in range(min(len(tokens), NAME_WORDS), 0, -1):
        found = await find(turn, " ".join(tokens[:count]))
        if found:
            return found, " ".join(tokens[count:])
    return [], words


async def one_of(turn: Turn, found: Sequence[Loaded], query: str, fits: Callable[[Loaded], bool]) -> Loaded | None:
    """The only one that fits, locked and loaded afresh; else the matches are listed, or said to be none."""
    fitting = [loaded for loaded in found if fits(loaded)] or found
    if len(fitting) == 1:
        await search.lock_candidate(turn.unit, fitting[0].candidate_id)
        return await load_one(turn.unit, fitting[0].id)
    if fitting:
        await list_matches(turn, fitting)
    else:
        turn.reply("command.none_found", query=query[:40])
    return None


async def one_person(turn: Turn, command: str) -> list[Loaded]:
    """The applications of the one person whom a command's words mean; else it says why there is no such person."""
    if not turn.argument:
        turn.reply("command.wrong_usage", usage={"$say": f"command.usage.{command}"})
        return []
    found = await find(turn, turn.argument)
    if not found:
        turn.reply("command.none_found", query=turn.argument[:40])
    elif len({loaded.candidate_id for loaded in found}) > 1:
        await list_matches(turn, found)
        return []
    return found


async def list_matches(turn: Turn, found: Sequence[Loaded]) -> None:
    """Several people or applications: who they are, and the id to type instead."""
    people = await reports.contacts(turn.unit, found)
    lines: list[tuple[str, Values]] = []
    for loaded in found[:MATCHES]:
        person = people[loaded.candidate_id]
        name = f"{person.name} {last_four(person.phone or '')}".strip()
        place = {"position": loaded.position, "shop": loaded.shop}
        lines.append(("command.many.line", {"id": loaded.id[:SHOWN_ID], "name": name, **place}))
    turn.reply("command.many.head", lines=lines)


def tell(
    turn: Turn,
    loaded: Loaded,
    text: str,
    *,
    lines: Sequence[tuple[str, Values]] = (),
    offers: Sequence[Offer] = (),
    form: Form | None = None,
    **values: Any,
) -> None:
    """Answer a member about an application."""
    turn.reply(text, application=loaded, lines=lines, offers=offers, form=form, **values)


def reason_form(loaded: Loaded, subject: str, reasons: Sequence[str]) -> Form:
    """Where a card can have a form: a reason to choose, or one's own words."""
    choices = [(reason, f"reasons.{reason}") for reason in reasons]
    return Form(
        [("reason", "form.reason", "choice", choices, ""), ("words", "form.own_words", "text", (), "")],
        Offer("buttons.reject", "reject", subject, loaded.id, "danger"),
    )


def reason_of(turn: Turn, told: str) -> str:
    """The reason that a card brought: own words, a choice of its form, or what the tapped button stood for."""
    return (turn.entered("words") or turn.entered("reason") or told)[:LONGEST_REASON]


def settle(turn: Turn, loaded: Loaded, label: str, text: str, **values: Any) -> None:
    """The tapped card shows `label` in place of its buttons; where no card can change, `text` says what was done."""
    if turn.incoming.card:
        turn.settle_card(label, **{name: value for name, value in values.items() if name == "who"})
    else:
        tell(turn, loaded, text, **values)


def who(actor: str) -> str:
    """An actor's own name: of member:NAME or token:NAME."""
    return actor.partition(":")[2] or actor
