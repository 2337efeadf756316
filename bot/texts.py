"""Everything the bot says: a key, values and a language become words, at the moment of sending.

The words stand in ``config/texts``, a file a language. A sentence that lacks a value is never sent: `UnfilledText`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import Final

import yaml

from bot.errors import BotError, Misconfigured
from recruiting.process import words

FOLDER: Final = Path(__file__).resolve().parent.parent / "config" / "texts"
FALLBACK: Final = "zh-CN"
CHAT: Final = "chat"
TITLE: Final = "title"

# A form that an entry lacks is taken from the next one: an e-mail says what the SMS says, everything else chat's words.
_FORM_CHAINS: Final[Mapping[str, tuple[str, ...]]] = {"email": ("email", "sms", CHAT)}
_SPOKEN: Final = (CHAT, "sms", "email")  # forms that the words of a process file replace
_CLAUSES: Final = {"by": ("by.before", "deadline"), "where": ("where.at", "shop")}
_LINKS: Final = ("chat_link", "link")
_NEVER_EMPTY: Final = frozenset({*_LINKS, "code"})
# What every message to a candidate can say, whatever else it needs.
ALWAYS: Final = frozenset("name company position shop stage link chat_link deadline by where".split())  # noqa: SIM905
_FIELD: Final = re.compile("[a-z][a-z_]{0,39}")
_REASONS: Final = "reasons."
_FAMILIES: Final = ("invite", "nudge")  # whose messages a process file may name without the kind of its stage
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
# libyaml where PyYAML has it: it reads the three languages in a twentieth of the time, which each start pays.
_LOADER: Final = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

Value = str | int


class UnfilledText(BotError):
    """A text is unknown or lacks a value. Nothing may be sent: people must never read "{name}" or "undefined"."""


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with gaps. Only plain names can stand in a gap, so no value is ever looked into."""

    text: str
    fields: frozenset[str]

    @classmethod
    def read(cls, text: str) -> "Template":
        """Raises ValueError: the braces don't match, or hold more than a name."""
        fields = set()
        for _, name, spec, conversion in Formatter().parse(text):
            if name is None:
                continue
            if spec or conversion or not _FIELD.fullmatch(name):
                raise ValueError(f"{{{name}}} is not the plain name of a value")
            fields.add(name)
        return cls(text, frozenset(fields))

    def fill(self, values: Mapping[str, Value]) -> str:
        """The whole sentence; every gap needs its value."""
        return self.text.format_map(values)


Forms = Mapping[str, Template]


class Texts:
    """What can be said, in every language there is a file for."""

    def __init__(self, languages: Mapping[str, Mapping[str, Forms]]) -> None:
        self._languages = languages
        self._reasons = frozenset(key.removeprefix(_REASONS) for key in self._names(_REASONS))
        # HR may type what stands on a button: it means the same reason, in the candidate's language.
        self._labels = {
            forms["label"].fill({}): key.removeprefix(_REASONS)
            for texts in languages.values()
            for key, forms in texts.items()
            if key.startswith(_REASONS) and "label" in forms
        }
        self._chain = lru_cache(maxsize=256)(self._make_chain)
        self._template = lru_cache(maxsize=4096)(self._find_template)
        self._moment = lru_cache(maxsize=1024)(self._say_moment)  # the messages of one batch name the same deadline
        self._day = lru_cache(maxsize=16)(_local_day)

    @classmethod
    def load(cls, folder: Path = FOLDER) -> "Texts":
        """Read a folder of `LANGUAGE.yaml`. Raises Misconfigured, with file and line of what is wrong."""
        languages = {path.stem: _load(path) for path in sorted(folder.glob("*.yaml"))}
        if FALLBACK not in languages:
            raise Misconfigured(f"{folder / FALLBACK}.yaml: expected the texts that stand in for all other languages")
        return cls(languages)

    # --- sentences ----------------------------------------------------------------------------------------------------

    def say(
        self,
        key: str,
        locale: str,
        /,
        form: str = CHAT,
        *,
        override: Mapping[str, str] | None = None,
        **values: Value | None,
    ) -> str:
        """Say `key` in the language of `locale`: `render`, with the values as keywords."""
        return self.render(key, locale, values, form=form, override=override)

    def render(
        self,
        key: str,
        locale: str,
        values: Mapping[str, Value | None],
        *,
        form: str = CHAT,
        override: Mapping[str, str] | None = None,
    ) -> str:
        """
        Say `key` in the language of `locale`, or in its nearest relative.

        Args:
            values: Plain words and numbers. `by` and `where` follow from `deadline` and `shop` when not given, and
                are nothing when these are empty.
            form: chat, sms, email, title, label; one that the entry lacks is said in the words of chat (e-mail: SMS).
            override: The stage's own words a language (`stage_override`). They replace the words of chat, SMS and
                e-mail; a link that these must hold is appended where the stage's own words forgot it.

        Raises:
            UnfilledText: The key is unknown, or a value is missing.
        """
        template = self._chosen(key, locale, form, override)
        return template.fill({name: self._value(name, values, locale, key) for name in template.fields})

    def speaks_of(
        self, key: str, locale: str, form: str = CHAT, *, override: Mapping[str, str] | None = None
    ) -> frozenset[str]:
        """The values for which `render` will ask. Raises UnfilledText: the key is unknown."""
        fields = self._chosen(key, locale, form, override).fields
        return fields | {source for name, (_, source) in _CLAUSES.items() if name in fields}

    def title(self, key: str, locale: str, /, **values: Value | None) -> str:
        """The title of `key` for a card, empty where it has none. Raises UnfilledText."""
        forms = self._forms(key, locale)
        return self.render(key, locale, values, form=TITLE) if forms is not None and TITLE in forms else ""

    def _value(self, name: str, values: Mapping[str, Value | None], locale: str, key: str) -> Value:
        value = values.get(name)
        if value is None and name in _CLAUSES:
            clause, source = _CLAUSES[name]
            inner = self._value(source, values, locale, key)
            return self.render(clause, locale, {source: inner}) if inner else ""
        if not isinstance(value, (str, int)) or isinstance(value, bool) or (value == "" and name in _NEVER_EMPTY):
            raise UnfilledText(f"{key} ({locale}): nothing for {{{name}}}")
        return value

    def _chosen(self, key: str, locale: str, form: str, override: Mapping[str, str] | None) -> Template:
        template = self._template(key, locale, form)
        own = _own_words(override, locale) if form in _SPOKEN else None
        if own is None:
            return template
        try:
            return _own_template(own, template.fields.intersection(_LINKS))
        except ValueError as error:
            raise UnfilledText(f"{key} ({locale}): {error}") from error

    def _find_template(self, key: str, locale: str, form: str) -> Template:
        forms = self._forms(key, locale)
        if forms is None:
            raise UnfilledText(f"{key} ({locale}): no such text")
        for each in _FORM_CHAINS.get(form, (form, CHAT)):
            if each in forms:
                return forms[each]
        raise UnfilledText(f"{key} ({locale}): no words for chat")

    def _forms(self, key: str, locale: str) -> Forms | None:
        return next((texts[key] for texts in self._chain(locale) if key in texts), None)

    def _make_chain(self, locale: str) -> tuple[Mapping[str, Forms], ...]:
        """The languages to look in, nearest first: itself, its language, relatives, the fallback."""
        language = locale.split("-")[0]
        relatives = (name for name in self._languages if name.split("-")[0] == language)
        names = dict.fromkeys((locale, language, *relatives, FALLBACK))
        return tuple(self._languages[name] for name in names if name in self._languages)

    def sms(self, text: str, locale: str, company: str, *, optout: bool = False) -> str:
        """A whole SMS: the company's signature, the text and, for what the bot starts by itself, how to opt out."""
        if optout:
            text = f"{text} {self.say('sms.optout', locale)}"
        return self.say("sms.frame", locale, company=company, text=text)

    # --- reasons and the stage's own words ----------------------------------------------------------------------------

    def reasons(self) -> frozenset[str]:
        """The ids that a process file or a decision may give as a reason."""
        return self._reasons

    def reason(self, reason: str | Mapping[str, str], locale: str, form: str = CHAT) -> str:
        """A reason in words, without a full stop: of an id, of a text per language, or HR's own words as they are."""
        told = words(reason, locale) if isinstance(reason, Mapping) else reason.strip()
        told = self._labels.get(told, told)
        if told in self._reasons or not told:
            return self.say(f"reasons.{told or 'other'}", locale, form)
        return told.rstrip("。．.!！ ") or told

    def fault(self, key: str, text: str) -> str | None:
        """What is wrong with the words that a process file puts in the place of `key`; None when they can be said."""
        meant = list(self._names(f"{key}.")) if key in _FAMILIES else [key]
        if not all(each in self._languages[FALLBACK] for each in meant):
            return f"there is no message {key}"
        try:
            needed = Template.read(text).fields
        except ValueError as error:
            return str(error)
        known = ALWAYS.union(*(form.fields for each in meant for form in self._languages[FALLBACK][each].values()))
        missing = ", ".join(f"{{{name}}}" for name in sorted(needed - known))
        return f"{key} has no {missing}" if missing else None

    def _names(self, prefix: str) -> Iterator[str]:
        return (key for key in self._languages[FALLBACK] if key.startswith(prefix))

    # --- clauses, dates, durations, rates -----------------------------------------------------------------------------

    def when(self, moment: datetime, locale: str, timezone: tzinfo, now: datetime) -> str:
        """A moment as people say it, such as 11月25日(周三)14:00. `moment`, `now`: aware.

        Today and tomorrow keep their date, because a message may be read late.
        """
        return self._moment(moment, locale, timezone, self._day(now, timezone))

    def _say_moment(self, moment: datetime, locale: str, timezone: tzinfo, today: date) -> str:
        local = moment.astimezone(timezone)
        near = {today: "when.today", today + timedelta(days=1): "when.tomorrow"}
        far = "when.moment" if local.year == today.year else "when.moment_year"
        return self._on_calendar(near.get(local.date(), far), local, locale)

    def slot(self, start: datetime, locale: str, timezone: tzinfo) -> str:
        """A slot on a small button, such as 25日周三14:00. `start`: aware."""
        return self._on_calendar("when.slot", start.astimezone(timezone), locale)

    def day(self, day: date, locale: str) -> str:
        """A day with its year, such as 2027年11月25日."""
        return self._on_calendar("when.day", datetime.combine(day, time()), locale)

    def lasting(self, length: timedelta, locale: str) -> str:
        """A duration in its two largest units, such as 1天2小时; what is smaller is left out."""
        seconds = max(int(length.total_seconds()), 0)
        largest = next((place for place, (_, size) in enumerate(_UNITS) if seconds >= size), len(_UNITS) - 1)
        said: list[str] = []
        for unit, size in _UNITS[largest : largest + 2]:
            count, seconds = divmod(seconds, size)
            if count or not said:
                said.append(self._counted(unit, count, locale))
        return said[0] if len(said) == 1 else self.say("lasting.two", locale, long=said[0], short=said[1])

    def _counted(self, unit: str, count: int, locale: str) -> str:
        return self.say(f"lasting.{unit}" if count == 1 else f"lasting.{unit}s", locale, count=count)

    def _on_calendar(self, key: str, local: datetime, locale: str) -> str:
        parts: dict[str, Value] = {"year": local.year, "day": local.day, "time": f"{local:%H:%M}"}
        parts["month"] = self.say(f"when.month.{local.month}", locale)
        parts["weekday"] = self.say(f"when.weekday.{local.isoweekday()}", locale)
        return self.render(key, locale, parts)


def percent(rate: float) -> str:
    """A rate (a fraction of 1) as a whole percent, halves upwards: 0.085 is 9%."""
    return f"{int(Decimal(str(rate)).scaleb(2).to_integral_value(ROUND_HALF_UP))}%"


def stage_override(texts: Mapping[str, Mapping[str, str]], key: str) -> Mapping[str, str] | None:
    """The stage's own words for a message, from `texts:` of the process file; there, `invite` is enough for its invite.

    The result is what `Texts.say` takes as `override`.
    """
    family = key.partition(".")[0]
    return texts.get(key) or (texts.get(family) if family in _FAMILIES else None)


@cache
def standard_texts() -> Texts:
    """The texts that come with the bot, read once."""
    return Texts.load()


def _local_day(moment: datetime, timezone: tzinfo) -> date:
    return moment.astimezone(timezone).date()


# --- reading ----------------------------------------------------------------------------------------------------------


def _own_words(override: Mapping[str, str] | None, locale: str) -> str | None:
    """The stage's own words in the person's language. In another language the catalogue is understood better."""
    if not override:
        return None
    language = locale.split("-")[0]
    relatives = (name for name in override if name.split("-")[0] == language)
    return next((override[name] for name in (locale, language, *relatives) if name in override), None)


@lru_cache(maxsize=1024)
def _own_template(own: str, links: frozenset[str]) -> Template:
    """The stage's own words, with the links that they must hold, each followed by white space or the end."""
    spaced = re.sub(r"(\{(?:chat_)?link\})(?=\S)", r"\1 ", own)
    forgotten = sorted(link for link in links if f"{{{link}}}" not in own)
    return Template.read(" ".join((spaced, *(f"{{{link}}}" for link in forgotten))))


def _load(path: Path) -> dict[str, Forms]:
    """One language: a key and its words, or its words a form. Raises Misconfigured."""
    try:
        page = yaml.compose(path.read_text("utf-8-sig"), Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path}: expected YAML in UTF-8 ({' '.join(str(error).split())})") from error
    entries: dict[str, Forms] = {}
    for key, node in _pairs(page, path):
        whole = isinstance(node, yaml.ScalarNode)
        forms = {CHAT: _template(node, path)} if whole else {form: _template(n, path) for form, n in _pairs(node, path)}
        if CHAT not in forms:
            raise _wrong(path, node, f"the form {CHAT} in {key}")
        entries[key] = forms
    return entries


def _pairs(node: yaml.Node | None, path: Path) -> Iterator[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(path, node, "keys with their words")
    seen = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in seen:
            raise _wrong(path, key, f"each key once ({key.value})")
        seen.add(key.value)
        yield key.value, value


def _template(node: yaml.Node, path: Path) -> Template:
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
        raise _wrong(path, node, "words")
    try:
        return Template.read(node.value)
    except ValueError as error:
        raise _wrong(path, node, f"names of values in braces: {error}") from error


def _wrong(path: Path, node: yaml.Node | None, expected: str) -> Misconfigured:
    line = node.start_mark.line + 1 if node is not None else 1
    return Misconfigured(f"{path}:{line}: expected {expected}")
