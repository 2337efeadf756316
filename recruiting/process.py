"""What a process file may say: stages, nudges, gates, rules and alerts, and the checks that keep it honest.

Everything here is a frozen value. The names are the keys of the YAML file; a key that Python reserves gets an
underscore (`from_`, `if_`, `pass_`). A value that makes no sense raises pydantic's ValidationError, whose errors name
the exact place; an error of type `expected` says in its `what` what should stand there, in `choices` what would fit.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import combinations
from typing import Annotated, Any, NamedTuple, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

# --- Small values ----------------------------------------------------------------------------------------------------

T = TypeVar("T")
C = TypeVar("C", bound=Collection[Any])
LONGEST_ADDRESS = 2000

_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
_LONGEST = timedelta(days=3660)
_DURATION = re.compile(r"([0-9]{1,9})([smhd])")
_PERCENT = re.compile(r"[0-9]{1,3}(\.[0-9]{1,20})?%")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def wrong(what: str, choices: Collection[str] = ()) -> PydanticCustomError:
    """The error for a value that should have been `what`; `choices` are the values that would fit."""
    return PydanticCustomError("expected", "expected {what}", {"what": what, "choices": tuple(choices)})


def _duration(value: Any) -> timedelta:
    """A length of time; text is a whole number and one of s, m, h, d."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value)):
        amount, unit = found.groups()
        if int(amount) > _LONGEST / _UNITS[unit]:
            raise wrong("a duration of at most ten years")
        return int(amount) * _UNITS[unit]
    if isinstance(value, timedelta) and timedelta(0) <= value <= _LONGEST and not value.microseconds:
        return value
    raise wrong("a duration such as 90s, 30m, 12h or 3d")


def _duration_text(value: timedelta) -> str:
    """The shortest way to write a duration: 72h is 3d."""
    unit = next(unit for unit, length in _UNITS.items() if value % length == timedelta(0))
    return f"{value // _UNITS[unit]}{unit}"


def _some(value: timedelta) -> timedelta:
    if not value:
        raise wrong("a duration longer than 0")
    return value


def _percent(value: Any) -> float:
    """A share of the whole; text needs its percent sign, so that 5 and 0.05 are never confused."""
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        value = float(Decimal(value[:-1]) / 100)
    if isinstance(value, float) and 0 < value <= 1:
        return value
    raise wrong("a percentage above 0% and up to 100%, such as 5%")


def _percent_text(value: float) -> str:
    return f"{(Decimal(repr(value)) * 100).normalize():f}%"


def _minute(value: Any) -> int:
    """A time of day as minutes since midnight; 24:00 is the end of the day."""
    if isinstance(value, str):
        if value == "24:00":
            return 24 * 60
        if found := _CLOCK.fullmatch(value):
            return int(found[1]) * 60 + int(found[2])
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 24 * 60:
        return value
    raise wrong('a time of day such as "08:00" or "24:00"')


def _minute_text(value: int) -> str:
    return f"{value // 60:02}:{value % 60:02}"


def _day(value: Any) -> date:
    """A calendar day. Pydantic alone would also take a number of seconds since 1970 for one."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise wrong('a day such as "2026-06-20"')


def _per_language(value: Any) -> Any:
    if isinstance(value, str):
        return {"zh-CN": value}
    if isinstance(value, Mapping):
        return value
    raise wrong("a text, or a text per language such as {zh-CN: 健康证, en: Health certificate}")


def _matching(pattern: str, what: str) -> AfterValidator:
    """A check that a text has the form of `pattern`; `what` tells people which form that is."""
    form = re.compile(pattern)

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise wrong(what)
        return value

    return AfterValidator(check)


def is_address(value: str) -> bool:
    """Whether it can be where an outside interview takes place: a web address with {token} in it."""
    known = re.fullmatch(r"https?://[^\s{}]+[^\s]*", value) is not None and value.count("{token}") == 1
    return known and len(value) <= LONGEST_ADDRESS


def _address(value: str) -> str:
    if not is_address(value):
        raise wrong("a web address with {token} in it, such as https://interview.example.com/s/{token}")
    return value


def _not_empty(value: C) -> C:
    """Pydantic's own `min_length` of a tuple does not count items that are wrong, and would hide what is."""
    if not value:
        raise wrong("at least one of them")
    return value


NotEmpty = AfterValidator(_not_empty)
Duration = Annotated[
    timedelta, PlainValidator(_duration), PlainSerializer(_duration_text, return_type=str, when_used="json")
]
Wait = Annotated[Duration, AfterValidator(_some)]  # a duration longer than nothing
Percent = Annotated[float, PlainValidator(_percent), PlainSerializer(_percent_text, return_type=str, when_used="json")]
Minute = Annotated[int, PlainValidator(_minute), PlainSerializer(_minute_text, return_type=str, when_used="json")]
Day = Annotated[date, PlainValidator(_day), PlainSerializer(date.isoformat, return_type=str, when_used="json")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Id = Annotated[str, _matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", "an id of letters, digits, _ and -, up to 64")]
MessageId = Annotated[str, _matching(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "the id of a message, such as invite")]
Locale = Annotated[str, _matching(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", "a language such as zh-CN, en or ja")]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]  # position, dimension
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
Link = Annotated[str, StringConstraints(max_length=LONGEST_ADDRESS), AfterValidator(_address)]
Words = Annotated[dict[Locale, Text], BeforeValidator(_per_language), Field(max_length=40), NotEmpty]

_WORDS: TypeAdapter[dict[str, str]] = TypeAdapter(Words)


def words(texts: Mapping[str, str], locale: str, fallback: str = "zh-CN") -> str:
    """Choose the text for `locale`: itself, a relative (en for en-GB), `fallback`, zh-CN, else the first."""
    language = locale.split("-")[0]
    relatives = (key for key in texts if key.split("-")[0] == language)
    for key in (locale, language, *relatives, fallback, "zh-CN"):
        if key in texts:
            return texts[key]
    return next(iter(texts.values()), "")


def _reason(value: Any, info: ValidationInfo) -> str | dict[str, str]:
    """A rejection is always explained, so an id must have a text; the catalogue comes in through `parse`."""
    if isinstance(value, Mapping):
        return _WORDS.validate_python(dict(value))
    if not isinstance(value, str) or not value:
        raise wrong("an id of the message catalogue, or a text per language")
    known = (info.context or {}).get("reasons")
    if known is not None and value not in known:
        raise wrong("an id of the message catalogue that has a text, or a text per language", sorted(known))
    return value


Reason = Annotated[str | dict[str, str], PlainValidator(_reason)]

# --- Checks that look at more than one key ----------------------------------------------------------------------------

_MOST_ITEMS = 500  # no list of a process is longer

Place = tuple[str | int, ...]
Fault = tuple[Place, PydanticCustomError]


def _again(line: ErrorDetails) -> InitErrorDetails:
    """An error that pydantic has reported, in the form in which it can be raised once more."""
    context = line.get("ctx", {})
    kind = wrong(**context) if line["type"] == "expected" else line["type"]
    return InitErrorDetails(type=kind, loc=line["loc"], input=line["input"], ctx=context)


Faults = Callable[[Mapping[str, Any]], Iterator[Fault]]


def all_at_once(data: Any, handler: Callable[[Any], T], faults_of: Faults) -> T:
    """Check each key by itself and all of them together, so that one look at the file shows every mistake."""
    errors: list[InitErrorDetails] = []
    if isinstance(data, Mapping):
        errors = [InitErrorDetails(type=error, loc=place, input=None) for place, error in faults_of(data)]
    try:
        made = handler(data)
    except ValidationError as error:
        errors = [*map(_again, error.errors(include_url=False)), *errors]
    else:
        if not errors:
            return made
    raise ValidationError.from_exception_data("process", errors)


def _plain(value: Any) -> Mapping[str, Any]:
    """One part of a process as a mapping of its keys, whether it was read or built; empty for anything else."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    return value if isinstance(value, Mapping) else {}


def _parts(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The parts listed under `key`, each as a mapping; wrong shapes and too many are reported elsewhere."""
    return [_plain(part) for part in _items(data, key)]


def _items(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    """What is listed under `key`, as far as a list may be long."""
    listed = data.get(key)
    return listed[:_MOST_ITEMS] if isinstance(listed, list | tuple) else ()


class _Part(BaseModel):
    """A piece of a process: never changes, and refuses keys that it does not know."""

    # What checks a part is made with what checks the whole: made for each by itself it would be a tenth of every start.
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, defer_build=True)


# --- The words of the language ----------------------------------------------------------------------------------------


class Rung(StrEnum):
    """One way to reach a person; the last one is somebody in HR."""

    CHAT = "chat"
    SMS = "sms"
    EMAIL = "email"
    FOLLOW_UP = "follow_up"


class StageKind(StrEnum):
    """What happens in a stage."""

    REVIEW = "review"
    INTERVIEW = "interview"
    QUESTIONNAIRE = "questionnaire"
    DOCUMENT = "document"
    MEETING = "meeting"
    ONBOARDING = "onboarding"


class Fact(StrEnum):
    """What can have happened in a stage, so that a nudge is no longer needed."""

    CLICKED = "clicked"
    PARTICIPATED = "participated"
    REPLIED = "replied"
    UPLOADED = "uploaded"
    BOOKED = "booked"
    DECIDED = "decided"


class Since(StrEnum):
    """The moment from which a nudge's delay counts."""

    INVITE = "invite"
    CLICKED = "clicked"
    UPLOADED = "uploaded"
    BOOKED = "booked"


class Do(StrEnum):
    """What a nudge does: a task for HR, a reminder down the ladder, or a reminder that starts at one rung."""

    FOLLOW_UP = "follow_up"
    REMIND = "remind"
    SMS = "sms"
    CHAT = "chat"
    EMAIL = "email"


class OnMissed(StrEnum):
    """What follows when a deadline has passed."""

    FOLLOW_UP = "follow_up"
    EXPIRE = "expire"


class OnFail(StrEnum):
    """What follows when the bar of a stage is not met."""

    REVIEW = "review"
    REJECT = "reject"


class Then(StrEnum):
    """What a rule does: end the application, or hold it until a person confirms."""

    REJECT = "reject"
    HOLD = "hold"


class Role(StrEnum):
    """What a member of the company is to the bot."""

    RECRUITER = "recruiter"
    MANAGER = "manager"
    ADMIN = "admin"


class Rate(StrEnum):
    """What an alert watches."""

    NO_SHOW = "no_show"
    NO_REPLY = "no_reply"
    CERTIFICATE_MISSING = "certificate_missing"
    DELIVERY_FAILURE = "delivery_failure"


class Weekday(StrEnum):
    """A day on which meetings can take place; in the order of `date.weekday()`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


# --- The parts of a stage ---------------------------------------------------------------------------------------------


def _nudge_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    after, before = data.get("after"), data.get("before_deadline")
    if after is None and before is None:
        yield ("after",), wrong("either `after` or `before_deadline` with a duration such as 12h")
    if after is not None and before is not None:
        yield ("before_deadline",), wrong("either `after` or `before_deadline`, not both")


class Nudge(_Part):
    """What happens when a stage stands still: after a delay, unless something has happened."""

    after: Duration | None = None
    before_deadline: Wait | None = None
    unless: Fact
    since: Since = Since.INVITE
    do: Do

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return all_at_once(data, handler, _nudge_faults)


_BAR_KEYS = ("at_least", "above", "below", "at_most", "equals")


def _bar_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    if all(key in _BAR_KEYS and value is None for key, value in data.items()):
        yield (), wrong("a condition such as {at_least: 60}", _BAR_KEYS)


class Bar(_Part):
    """A condition on a number; several conditions must hold together."""

    at_least: Number | None = None
    above: Number | None = None
    below: Number | None = None
    at_most: Number | None = None
    equals: Number | None = None

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return all_at_once(data, handler, _bar_faults)

    def holds(self, value: float) -> bool:
        """Whether `value` meets every condition."""
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
            and (self.equals is None or value == self.equals)
        )

    @model_serializer(mode="wrap")
    def _brief(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


Bars = Annotated[dict[Label, Bar], Field(max_length=50), NotEmpty]


class Rule(_Part):
    """What follows from a score by itself; the candidate is told the reason."""

    if_: Bars = Field(alias="if")
    then: Then
    reason: Reason


class Option(_Part):
    """One answer that can be chosen, with what it scores."""

    text: Words
    score: dict[Label, Number] = Field(default={}, max_length=50)


class Question(_Part):
    """A question of a questionnaire."""

    id: Id
    text: Words
    options: Annotated[tuple[Option, ...], Field(max_length=20), NotEmpty]


def _slot_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        opens, closes = _minute(data.get("from", data.get("from_"))), _minute(data.get("to"))
        each = _duration(data.get("each"))
    except PydanticCustomError:
        return
    if opens >= closes:
        yield ("to",), wrong(f"a time after {_minute_text(opens)}")
    elif timedelta(minutes=closes - opens) < each:
        yield ("each",), wrong("a duration that fits between `from` and `to`")


def _weekdays(value: Any) -> Any:
    return tuple(Weekday) if value == "any" else value


def _round_minutes(value: timedelta) -> timedelta:
    if not value or value % timedelta(minutes=1):
        raise wrong("a duration in whole minutes, such as 30m")
    return value


def _bookable(value: timedelta) -> timedelta:
    if not value or value > timedelta(days=90):
        raise wrong("a duration longer than 0 and of at most 90d")
    return value


class Slots(_Part):
    """When a meeting can be booked, in the company's time zone."""

    days: Annotated[tuple[Weekday, ...], BeforeValidator(_weekdays), Field(max_length=7), NotEmpty]
    from_: Minute = Field(alias="from")
    to: Minute
    each: Annotated[Duration, AfterValidator(_round_minutes)]
    capacity: int = Field(default=1, ge=1, le=1000)
    notice: Duration = timedelta(0)
    horizon: Annotated[Duration, AfterValidator(_bookable)] = timedelta(days=7)

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return all_at_once(data, handler, _slot_faults)

    def starts(self, now: datetime, tz: tzinfo) -> list[datetime]:
        """List when a meeting can begin: from `now` plus notice until `now` plus horizon, aware, UTC, in order."""
        first, last = now + self.notice, now + self.horizon
        day, end = first.astimezone(tz).date(), last.astimezone(tz).date()
        found: list[datetime] = []
        while day <= end:
            if tuple(Weekday)[day.weekday()] in self.days:
                found += [start for start in self._on(day, tz) if first <= start <= last]
            day += timedelta(days=1)
        return found

    def _on(self, day: date, tz: tzinfo) -> Iterator[datetime]:
        """The starts on one day; a time that the clock skips that day is left out."""
        midnight = datetime.combine(day, time())
        for minute in range(self.from_, self.to, self.each // timedelta(minutes=1)):
            local = midnight + timedelta(minutes=minute)
            start = local.replace(tzinfo=tz).astimezone(UTC)
            fits = timedelta(minutes=minute) + self.each <= timedelta(minutes=self.to)
            if fits and start.astimezone(tz).replace(tzinfo=None) == local:
                yield start


# --- Stage ------------------------------------------------------------------------------------------------------------

_EVERY_KIND = frozenset(
    "id kind name skip_if_imported optional_until requires deadline on_missed nudges texts".split()  # noqa: SIM905
)
_SCORED = frozenset({"pass", "on_fail", "rules", "reviewers"})
_KEYS: Mapping[StageKind, frozenset[str]] = {
    StageKind.REVIEW: _EVERY_KIND | {"reviewers"},
    StageKind.INTERVIEW: _EVERY_KIND | _SCORED | {"link"},
    StageKind.QUESTIONNAIRE: _EVERY_KIND | _SCORED | {"questions"},
    StageKind.DOCUMENT: _EVERY_KIND | {"document", "valid_for", "warn_before_expiry", "keep_picture", "reviewers"},
    StageKind.MEETING: _EVERY_KIND | {"slots", "reminders", "show", "rate"},
    StageKind.ONBOARDING: _EVERY_KIND | {"reminders"},
}
_NEEDED: Mapping[StageKind, tuple[str, str]] = {
    StageKind.QUESTIONNAIRE: ("questions", "the questions to ask"),
    StageKind.DOCUMENT: ("document", "the name of the document, such as health_certificate"),
    StageKind.MEETING: ("slots", "the times that can be booked"),
}
_ALL_KEYS = frozenset().union(*_KEYS.values())


def _stage_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    kind = data.get("kind")
    if kind in tuple(StageKind):
        yield from _kind_faults(StageKind(kind), data)
    if data.get("deadline") is None:
        if data.get("on_missed") == OnMissed.EXPIRE:
            yield ("on_missed",), wrong("a `deadline` in the same stage, without which nothing can be missed")
        for index, nudge in enumerate(_parts(data, "nudges")):
            if nudge.get("before_deadline") is not None:
                yield ("nudges", index, "before_deadline"), wrong("a `deadline` in the same stage to count back from")


def _kind_faults(kind: StageKind, data: Mapping[str, Any]) -> Iterator[Fault]:
    """What stands in a stage of another kind's, and what a stage of this kind lacks."""
    for key in data:
        known = "pass" if key == "pass_" else key
        if known in _ALL_KEYS - _KEYS[kind]:
            kinds = ", ".join(other for other, keys in _KEYS.items() if known in keys)
            yield (key,), wrong(f"no such key in a stage of kind {kind} (it belongs to {kinds})")
    if kind in _NEEDED:
        key, what = _NEEDED[kind]
        if data.get(key) is None:
            yield (key,), wrong(what)
    if kind is StageKind.DOCUMENT and data.get("reviewers") == Role.MANAGER:
        yield ("reviewers",), wrong("recruiter or admin: managers see a tick and a date, never a document")
    if kind is StageKind.QUESTIONNAIRE:
        yield from _repeats(data, "questions", "id")


def _repeats(data: Mapping[str, Any], listed: str, key: str) -> Iterator[Fault]:
    """The parts under `listed` whose `key` an earlier one has already."""
    seen: set[str] = set()
    for index, part in enumerate(_parts(data, listed)):
        value = part.get(key)
        if isinstance(value, str):
            if value in seen:
                yield (listed, index, key), wrong(f"an {key} that no other of the {listed} has")
            seen.add(value)


class Stage(_Part):
    """A step of a process. Which of its keys are in use depends on its kind."""

    id: Id
    kind: StageKind
    name: Words
    skip_if_imported: bool = False
    optional_until: Day | None = None
    requires: tuple[Id, ...] = Field(default=(), max_length=50)
    deadline: Wait | None = None
    on_missed: OnMissed = OnMissed.FOLLOW_UP
    nudges: tuple[Nudge, ...] = Field(default=(), max_length=20)
    texts: dict[MessageId, Words] = Field(default={}, max_length=100)
    reviewers: Role = Role.RECRUITER
    link: Link | None = None
    pass_: Bars | None = Field(default=None, alias="pass")
    on_fail: OnFail = OnFail.REVIEW
    rules: tuple[Rule, ...] = Field(default=(), max_length=50)
    document: Id | None = None
    valid_for: Duration = timedelta(0)
    warn_before_expiry: tuple[Wait, ...] = Field(
        default=tuple(timedelta(days=days) for days in (30, 14, 7, 1)), max_length=20
    )
    keep_picture: Duration = timedelta(days=7)
    questions: tuple[Question, ...] = Field(default=(), max_length=50)
    slots: Slots | None = None
    reminders: tuple[Wait, ...] = Field(default=(), max_length=20)
    show: tuple[Label, ...] = Field(default=(), max_length=20)
    rate: tuple[Label, ...] = Field(default=(), max_length=20)

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return all_at_once(data, handler, _stage_faults)

    @model_serializer(mode="wrap")
    def _own_keys(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what belongs to the kind, so that what was written down can be read again."""
        keys = _KEYS[self.kind] | {"pass_"}
        return {key: value for key, value in handler(self).items() if key in keys and value is not None}

    @staticmethod
    def keys(kind: StageKind) -> frozenset[str]:
        """What may be written down for a stage of this kind."""
        return _KEYS[kind]

    def open_on(self, day: date) -> bool:
        """Whether the stage still exists on `day` of the company's calendar (see `optional_until`)."""
        return self.optional_until is None or day < self.optional_until


# --- Process ----------------------------------------------------------------------------------------------------------


def _clock(text: str) -> time | None:
    """A time of day; 24:00 is the same moment as 00:00. None when it is none."""
    try:
        minute = _minute(text.strip())
    except PydanticCustomError:
        return None
    return time(minute // 60 % 24, minute % 60)


class Quiet(_Part):
    """Hours of the day in which nothing leaves a channel; usually over midnight. Written as "21:00-08:00"."""

    from_: time = Field(alias="from")
    to: time

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        hours = data
        if isinstance(data, str) and data.count("-") == 1:
            hours = dict(zip(("from", "to"), map(_clock, data.split("-")), strict=True))
        if isinstance(hours, Mapping):
            times = {value for value in hours.values() if isinstance(value, time)}
            if len(times) == len(hours) == 2:
                return hours
        raise wrong('two different times of day such as "21:00-08:00"')

    @model_serializer
    def _written(self) -> str:
        return f"{self.from_:%H:%M}-{self.to:%H:%M}"

    def covers(self, moment_local: time) -> bool:
        """Whether a time of the company's day is quiet; the end itself no longer is."""
        if self.from_ < self.to:
            return self.from_ <= moment_local < self.to
        return moment_local >= self.from_ or moment_local < self.to

    def end_after(self, moment: datetime, tz: tzinfo) -> datetime:
        """When the quiet hours next end after `moment`: aware, UTC."""
        today = moment.astimezone(tz).date()
        # The hour that the clock repeats in autumn has the same end twice.
        ends = (
            datetime.combine(today + timedelta(days=days), self.to, tz).replace(fold=fold).astimezone(UTC)
            for days in range(3)
            for fold in (0, 1)
        )
        return next(end for end in ends if end > moment)


class Limits(_Part):
    """How many reminders and nudges one person gets at most."""

    per_stage: int = Field(default=3, ge=0, le=1000)
    per_day: int = Field(default=2, ge=0, le=1000)


class Alert(_Part):
    """When HR is told that a rate of a batch has become bad."""

    rate: Rate
    stage: Id | None = None
    at: Percent
    after: Duration = timedelta(hours=24)
    min_sample: int = Field(default=20, ge=1, le=1_000_000)
    step: Percent = 0.03
    certainty: float = Field(default=0, ge=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _failures_count_at_once(cls, data: Any) -> Any:
        """A message that failed is known to have failed; only silence needs time before it means something."""
        if isinstance(data, Mapping) and data.get("rate") == Rate.DELIVERY_FAILURE:
            return {"after": "0s", **data}
        return data


_WATCHED: Mapping[Rate, StageKind] = {
    Rate.NO_SHOW: StageKind.INTERVIEW,
    Rate.CERTIFICATE_MISSING: StageKind.DOCUMENT,
}


def _process_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    stages = _parts(data, "stages")
    yield from _repeats(data, "stages", "id")
    for index, stage in enumerate(stages):
        yield from _order_faults(index, stage, stages)
    for index, alert in enumerate(_parts(data, "alerts")):
        yield from _alert_faults(index, alert, stages)
    yield from _listed_twice(data, "ladder")
    yield from _listed_twice(data, "positions")
    quiet = data.get("quiet_hours")
    if isinstance(quiet, Mapping) and Rung.FOLLOW_UP in quiet:
        rungs = [Rung.CHAT, Rung.SMS, Rung.EMAIL]
        yield ("quiet_hours", Rung.FOLLOW_UP.value), wrong("chat, sms or email", rungs)


def _order_faults(index: int, stage: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """What a stage requires must lie before it, or nobody could ever enter."""
    earlier = [other["id"] for other in stages[:index] if isinstance(other.get("id"), str)]
    for place, name in enumerate(_items(stage, "requires")):
        if name not in earlier:
            yield ("stages", index, "requires", place), wrong("the id of an earlier stage", earlier)


def _alert_faults(index: int, alert: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """A rate can only be counted in a stage where what it counts can happen."""
    kind = next((kind for rate, kind in _WATCHED.items() if alert.get("rate") == rate), None)
    # A stage whose own kind is wrong has been reported already and may be meant.
    kinds = {other.value for other in StageKind if other is not kind} if kind else set()
    fitting = [stage.get("id") for stage in stages if str(stage.get("kind")) not in kinds]
    named = [name for name in fitting if isinstance(name, str)]
    if alert.get("stage") is None:
        if not fitting:
            yield ("alerts", index, "rate"), wrong(f"a stage of kind {kind} in this process, where it can be counted")
    elif alert["stage"] not in named:
        what = f"the id of a stage of kind {kind}" if kind else "the id of a stage"
        yield ("alerts", index, "stage"), wrong(what, named)


def _listed_twice(data: Mapping[str, Any], key: str) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, item in enumerate(_items(data, key)):
        if isinstance(item, str):
            if _folded(item) in seen:
                yield (key, place), wrong("each of them once")
            seen.add(_folded(item))


def _folded(position: str) -> str:
    """A position's name as it compares: without spaces, case and width."""
    return "".join(unicodedata.normalize("NFKC", position).casefold().split())


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


class Process(_Part):
    """How candidates for some positions come from their application to their first day."""

    id: Id
    name: Words
    positions: Annotated[tuple[Label, ...], BeforeValidator(_listed), Field(max_length=500), NotEmpty]
    locale: Locale = "zh-CN"
    ladder: Annotated[tuple[Rung, ...], Field(max_length=4), NotEmpty] = tuple(Rung)
    quiet_hours: dict[Rung, Quiet] = Field(
        default={
            Rung.SMS: Quiet(from_=time(21), to=time(8)),
            Rung.CHAT: Quiet(from_=time(22), to=time(8)),
        }
    )
    limits: Limits = Limits()
    stages: Annotated[tuple[Stage, ...], Field(max_length=50), NotEmpty]
    alerts: tuple[Alert, ...] = Field(default=(), max_length=50)

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return all_at_once(data, handler, _process_faults)

    @cached_property
    def places(self) -> dict[str, int]:
        """The number of each stage, from 0."""
        return {stage.id: place for place, stage in enumerate(self.stages)}

    def index(self, id: str) -> int:
        """The place of a stage, from 0. Raises KeyError: this process has no such stage."""
        return self.places[id]

    def stage(self, id: str) -> Stage:
        """The stage with this id. Raises KeyError: this process has no such stage."""
        return self.stages[self.places[id]]

    def after(self, id: str) -> Stage | None:
        """The stage that follows, None after the last one. Raises KeyError: this process has no such stage."""
        following = self.stages[self.index(id) + 1 :]
        return following[0] if following else None

    def takes(self, position: str) -> bool:
        """Whether applications for `position` may follow this process; "*" takes all (see `process_for`)."""
        return "*" in self.positions or self.names(position)

    def names(self, position: str) -> bool:
        """Whether `position` is one of those that this process names; spaces, case and width do not matter."""
        return _folded(position) in map(_folded, self.positions)

    def watched_stage(self, alert: Alert) -> Stage | None:
        """The stage in which an alert's rate is counted, None for all stages.

        Without `stage:` it is the first document stage for `certificate_missing`, else the first interview. A process
        without an interview counts replies and delivery failures wherever they happen.
        """
        if alert.stage is not None:
            return self.stage(alert.stage)
        kind = _WATCHED.get(alert.rate, StageKind.INTERVIEW)
        return next((stage for stage in self.stages if stage.kind is kind), None)


class Overlap(NamedTuple):
    """A position that two processes name, so that nobody could say which of them holds."""

    position: str
    first: str
    second: str


def overlaps(processes: Sequence[Process]) -> list[Overlap]:
    """Name every position that two of the processes claim, by their ids."""
    return [
        Overlap(position, first.id, second.id)
        for first, second in combinations(processes, 2)
        for position in first.positions
        if second.names(position)
    ]


def process_for(processes: Sequence[Process], position: str) -> Process | None:
    """The process for a position: the one that names it, else the one that takes all that no other names."""
    naming = (process for process in processes if process.names(position))
    return next(naming, None) or next((process for process in processes if process.takes(position)), None)


def parse(data: Any, reasons: Collection[str]) -> Process:
    """Make a process from plain values, as they stand in its file.

    Args:
        data: Mappings, lists and text; numbers and dates may be text too.
        reasons: The ids of the message catalogue that a rule may give as its reason.

    Raises:
        ValidationError: With one error for each mistake.
    """
    return Process.model_validate(data, context={"reasons": frozenset(reasons)}, by_alias=True, by_name=False)


def read_back(data: Any) -> Process:
    """Make a process from what `model_dump(mode="json", by_alias=True)` gave, when it was checked and stored."""
    return Process.model_validate(data)
