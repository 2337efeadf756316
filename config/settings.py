"""All that the operator can turn, from `BULOU_…` variables: read once, checked whole, never changed.

Nested parts are written with two underscores (`BULOU_WECOM__SECRET`). Each secret may be given as the name of a file
that holds it (`BULOU_WECOM__SECRET_FILE`). An empty variable counts as not set.
"""

import base64
import binascii
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PlainValidator,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticUndefined
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from recruiting.process import Fault, Link, Locale, all_at_once, wrong

PREFIX = "BULOU_"
_LARGEST_SECRET_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """One variable to mend, and how. Never holds a secret's value."""

    variable: str
    what: str

    def __str__(self) -> str:
        return f"{self.variable}: {self.what}"


class WrongSettings(Exception):
    """The bot can't start with these settings; `str()` is a line for each variable to mend."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


# --- What a value must look like --------------------------------------------------------------------------------------


def _base64(text: str, size: int) -> bytes | None:
    """The bytes of standard or URL-safe base64, with or without padding; None unless they are `size` many."""
    plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size else None


def _master_key(value: SecretStr) -> SecretStr:
    if _base64(value.get_secret_value(), 32) is None:
        raise wrong("32 random bytes in base64, 44 characters; `bulou check` prints a fresh key when none is set")
    return value


def _aes_key(value: SecretStr) -> SecretStr:
    key = value.get_secret_value()
    if len(key) != 43 or _base64(key, 32) is None:
        raise wrong("the EncodingAESKey of WeCom's page: 43 letters and digits")
    return value


def _webhook_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    try:
        base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        text = ""
    if not re.fullmatch(r"whsec_.+", text):
        raise wrong("a Standard Webhooks secret: whsec_ and base64")
    return value


def _is_web(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _base(value: str) -> str:
    """An address to which paths are added."""
    if not _is_web(value) or re.search(r"[\s?#]", value):
        raise wrong("an address such as https://bot.example.com, without ? and #")
    return value.rstrip("/")


def _whole_url(value: str) -> str:
    if not _is_web(value) or re.search(r"\s", value):
        raise wrong("a whole address, from https:// to its end")
    return value


def _secret_url(value: SecretStr) -> SecretStr:
    _whole_url(value.get_secret_value())
    return value


_DATABASES = ("sqlite+aiosqlite://", "sqlite://", "postgresql+asyncpg://", "postgresql://")


def _database(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(_DATABASES):
        raise wrong("sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER:PASSWORD@HOST/NAME")
    return value


def _mail_server(value: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(value.get_secret_value())
        usable = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise wrong("smtp://USER:PASSWORD@HOST:25 or smtps://USER:PASSWORD@HOST:465")
    return value


def _vault(value: str) -> str:
    if "://" in value and not re.fullmatch(r"file:///.*|s3://[^/\s]+(/\S*)?", value):
        raise wrong("a folder, file:///FOLDER or s3://BUCKET/PREFIX")
    return value


def _zone(value: Any) -> ZoneInfo:
    try:
        return value if isinstance(value, ZoneInfo) else ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise wrong("a time zone such as Asia/Shanghai") from error


def _address(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", value):
        raise wrong("an e-mail address such as no-reply@example.com")
    return value


def _provider(value: Any) -> Any:
    if value in ("tencent", "aliyun"):
        raise wrong(f"log or http; {value} is not offered by this version, use http with a gateway in between")
    return value


BaseUrl = Annotated[str, AfterValidator(_base)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=10_000)]
WholeUrl = Annotated[str, AfterValidator(_whole_url)]
SecretUrl = Annotated[Secret, AfterValidator(_secret_url)]
AesKey = Annotated[Secret, AfterValidator(_aes_key)]

# --- The sections -----------------------------------------------------------------------------------------------------


def _variable(*place: str | int) -> str:
    """The variable that holds a setting: ("wecom", "secret") is BULOU_WECOM__SECRET."""
    return PREFIX + "__".join(str(part).upper() for part in place)


def _needs(data: Mapping[str, Any], section: str, wish: str, *needed: str) -> Iterator[Fault]:
    """When `wish` is set, so must be everything that it can't work without."""
    for name in needed if data.get(wish) else ():
        if not data.get(name):
            yield (name,), wrong(f"a value, because {_variable(section, wish)} is set")


def _together(data: Mapping[str, Any], section: str, *names: str) -> Iterator[Fault]:
    """Of these settings either all are needed or none."""
    first = next((name for name in names if data.get(name)), "")
    yield from _needs(data, section, first, *names)


class _Section(BaseModel):
    """Settings that belong together; absent unless one of them is set."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True, defer_build=True
    )

    @classmethod
    def faults(cls, data: Mapping[str, Any]) -> Iterator[Fault]:
        """What is wrong with the settings of this section taken together."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return all_at_once(data, handler, cls.faults)


@dataclass(frozen=True, slots=True)
class WeComApp:
    """WeCom's self-built app, complete; 微信客服 uses the same."""

    corp_id: str
    agent_id: int
    secret: SecretStr
    token: SecretStr
    aes_key: SecretStr


class WeCom(_Section):
    """WeCom (企业微信) and 微信客服."""

    api_base: BaseUrl = Field(default="https://qyapi.weixin.qq.com", description="Where WeCom's API answers.")
    login_base: BaseUrl = Field(
        default="https://login.work.weixin.qq.com", description="Where members sign in to the dashboard with WeCom."
    )
    corp_id: str | None = Field(default=None, description="The company's id (企业ID), ww….")
    agent_id: int | None = Field(default=None, gt=0, description="The AgentId of the self-built app.")
    secret: Secret | None = Field(default=None, description="The Secret of the self-built app.")
    token: Secret | None = Field(default=None, description="The Token of the app's callback.")
    aes_key: AesKey | None = Field(default=None, description="The EncodingAESKey of the app's callback.")
    kf_open_kfid: str | None = Field(
        default=None, description="The 微信客服 account that talks to candidates, wk…; needs the app."
    )
    group_webhook: SecretUrl | None = Field(
        default=None, description="HR's group robot: its whole address; alerts and follow-ups go there."
    )
    bot_token: Secret | None = Field(default=None, description="The Token of the 智能机器人 in HR's group.")
    bot_aes_key: AesKey | None = Field(default=None, description="The EncodingAESKey of the 智能机器人.")

    @classmethod
    def faults(cls, data: Mapping[str, Any]) -> Iterator[Fault]:
        """The app is complete or absent, and so is the robot."""
        app = ("corp_id", "agent_id", "secret", "token", "aes_key")
        if any(data.get(name) for name in app):
            yield from _together(data, "wecom", *app)
        else:
            yield from _needs(data, "wecom", "kf_open_kfid", *app)
        yield from _together(data, "wecom", "bot_token", "bot_aes_key")

    @property
    def app(self) -> WeComApp | None:
        """The self-built app when it is configured; then all of it is."""
        if self.corp_id and self.agent_id and self.secret and self.token and self.aes_key:
            return WeComApp(self.corp_id, self.agent_id, self.secret, self.token, self.aes_key)
        return None


class FeishuMode(StrEnum):
    """How Feishu's events come in."""

    CALLBACK = "callback"
    WEBSOCKET = "websocket"


class Urgent(StrEnum):
    """How a follow-up that nobody takes is made urgent (加急)."""

    OFF = "off"
    APP = "app"
    SMS = "sms"
    PHONE = "phone"


class Feishu(_Section):
    """Feishu (飞书) or Lark."""

    mode: FeishuMode = Field(
        default=FeishuMode.CALLBACK,
        description="How Feishu's events come in: callback (Feishu calls this server) or websocket (this server calls "
        "Feishu; see [No public address?](#no-public-address)).",
    )
    api_base: BaseUrl = Field(
        default="https://open.feishu.cn",
        description="Where Feishu's API answers; https://open.larksuite.com for Lark.",
    )
    login_base: BaseUrl = Field(
        default="https://accounts.feishu.cn", description="Where members sign in to the dashboard with Feishu."
    )
    app_id: str | None = Field(default=None, description="The App ID, cli_….")
    app_secret: Secret | None = Field(default=None, description="The App Secret.")
    encrypt_key: Secret | None = Field(
        default=None, description="The Encrypt Key of the app's events; when set, nothing unencrypted is accepted."
    )
    verification_token: Secret | None = Field(default=None, description="The Verification Token of the app's events.")
    hr_chat_id: str | None = Field(
        default=None, description="HR's group, oc_…, for alerts, follow-ups and commands; needs the app."
    )
    group_webhook: SecretUrl | None = Field(
        default=None, description="A custom group robot instead: its whole address; it can't be talked to."
    )
    group_secret: Secret | None = Field(default=None, description="The group robot's signing secret, if it has one.")
    urgent: Urgent = Field(
        default=Urgent.OFF,
        description="How a follow-up is made urgent (加急) that nobody takes, not even in HR's group: off, app, sms or "
        "phone (sms and phone use up what the company has paid for; when nothing is left, it is said in the app).",
    )

    @classmethod
    def faults(cls, data: Mapping[str, Any]) -> Iterator[Fault]:
        """An app needs its secret and, where Feishu calls us, a way to tell its callbacks from forged ones."""
        called = data.get("mode") != FeishuMode.WEBSOCKET
        yield from _together(data, "feishu", "app_id", "app_secret")
        if not data.get("app_id") and not data.get("app_secret"):
            yield from _needs(data, "feishu", "hr_chat_id", "app_id", "app_secret")
            for name in () if called else ("app_id", "app_secret"):
                yield (name,), wrong(f"a value, because {_variable('feishu', 'mode')} is set to websocket")
        if called and data.get("app_id") and not data.get("encrypt_key") and not data.get("verification_token"):
            missing = f"a value (or {_variable('feishu', 'encrypt_key')}), or anybody could forge Feishu's callbacks"
            yield ("verification_token",), wrong(missing)
        yield from _needs(data, "feishu", "group_secret", "group_webhook")


class SmsProvider(StrEnum):
    """Who sends our SMS."""

    LOG = "log"
    HTTP = "http"


class Sms(_Section):
    """SMS."""

    provider: Annotated[SmsProvider, BeforeValidator(_provider)] = Field(
        default=SmsProvider.LOG,
        description="Who sends SMS: log (nobody; they are only noted) or http (a gateway of your own). "
        "tencent and aliyun are not offered by this version.",
    )
    url: WholeUrl | None = Field(
        default=None,
        description='For http: takes POST {"id", "to", "text"}; 2xx is accepted, 429 and 5xx later, other 4xx never.',
    )
    token: Secret | None = Field(default=None, description="For http: the bearer token, both ways.")

    @classmethod
    def faults(cls, data: Mapping[str, Any]) -> Iterator[Fault]:
        """A gateway needs its address and its token."""
        for name in ("url", "token") if data.get("provider") == SmsProvider.HTTP else ():
            if not data.get(name):
                yield (name,), wrong(f"a value, because {_variable('sms', 'provider')} is set to http")


class Smtp(_Section):
    """E-mail."""

    url: Annotated[Secret, AfterValidator(_mail_server)] | None = Field(
        default=None, description="The mail server: smtp://user:password@host:25 or smtps://…; without it no e-mail."
    )
    from_: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None, alias="from", description="The sender; by default no-reply@ and the host of the public address."
    )


class Interview(_Section):
    """The AI-interview provider."""

    link: Link | None = Field(
        default=None, description="Where an invite leads, with {token}; a stage of a process may set its own."
    )
    secret: Annotated[Secret, AfterValidator(_webhook_secret)] | None = Field(
        default=None, description="Signs the provider's results, whsec_… (Standard Webhooks)."
    )


class Bucket(_Section):
    """S3-compatible storage for the vault."""

    endpoint: BaseUrl | None = Field(
        default=None,
        description="For a vault in a bucket that is not AWS's: where its storage answers; for OSS and COS with the "
        "bucket in front, https://BUCKET.oss-cn-hangzhou.aliyuncs.com.",
    )
    region: str | None = Field(
        default=None, max_length=64, description="The bucket's region, where it has one: cn-hangzhou, ap-guangzhou."
    )
    access_key: str | None = Field(default=None, max_length=200, description="The id of the key to the bucket.")
    secret_key: Secret | None = Field(default=None, description="The secret of the key to the bucket.")

    @classmethod
    def faults(cls, data: Mapping[str, Any]) -> Iterator[Fault]:
        """The key is complete or absent."""
        yield from _together(data, "vault", "access_key", "secret_key")


class Certificates(_Section):
    """Health certificates."""

    read: bool = Field(
        default=True,
        description="Whether the machine reads a certificate before a person looks; false: it goes to the reviewer as "
        "it came. Nothing leaves this machine.",
    )


class Settings(BaseSettings):
    """All the operator can turn. Read once at the start, and handed out as plain values."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: Annotated[Secret, AfterValidator(_database)] = Field(
        default=SecretStr("sqlite+aiosqlite:///bulou.db"),
        description="Where the data lies: sqlite+aiosqlite:///… or postgresql+asyncpg://….",
    )
    public_url: BaseUrl = Field(description="How candidates reach this server, https://…; every link starts with it.")
    master_key: Annotated[Secret, AfterValidator(_master_key)] = Field(
        description="32 bytes in base64; everything personal is encrypted under it. `bulou check` prints a fresh one."
    )
    vault_url: Annotated[str, AfterValidator(_vault)] = Field(
        default="./vault", description="Where encrypted files lie: a folder, file:///… or s3://bucket/prefix."
    )
    certificates: Certificates = Field(default=Certificates(), description="Health certificates.")
    vault: Bucket | None = Field(default=None, description="S3-compatible storage for the vault.")
    process_dir: Path | None = Field(
        default=None, description="Folder of process files, read at the first start; afterwards `process apply`."
    )
    timezone: Annotated[ZoneInfo, PlainValidator(_zone)] = Field(
        default=ZoneInfo("Asia/Shanghai"), description="The company's time zone: quiet hours, days and appointments."
    )
    locale: Locale = Field(default="zh-CN", description="The language of groups, and of people whose own is unknown.")
    company: str = Field(
        default="不漏", min_length=1, max_length=40, description="The company's name in messages and SMS signatures."
    )
    largest_upload: int = Field(
        default=20 * 2**20, gt=0, le=2**30, description="The largest file that a person may send, in bytes."
    )
    wecom: WeCom | None = Field(default=None, description="WeCom and 微信客服.")
    feishu: Feishu | None = Field(default=None, description="Feishu or Lark.")
    sms: Sms = Field(default=Sms(), description="SMS.")
    smtp: Smtp | None = Field(default=None, description="E-mail.")
    interview: Interview | None = Field(default=None, description="The AI-interview provider.")
    _unknown: tuple[str, ...] = PrivateAttr(default=())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` hands in: it has read the environment, `.env` and the secrets' files."""
        return (init_settings,)

    @property
    def mail_from(self) -> str:
        """The sender of e-mails."""
        own = self.smtp.from_ if self.smtp else None
        return own or f"no-reply@{urlsplit(self.public_url).hostname}"

    @property
    def master_key_bytes(self) -> bytes:
        """The master key itself, 32 bytes."""
        raw = _base64(self.master_key.get_secret_value(), 32)
        assert raw is not None, "checked when the settings were read"
        return raw


# --- Reading ----------------------------------------------------------------------------------------------------------

_EXPECTED = {
    "missing": "a value; it is not set",
    "int_parsing": "a whole number",
    "bool_parsing": "true or false",
    "enum": "{expected}",
    "greater_than": "a number above {gt}",
    "less_than_equal": "a number of at most {le}",
    "string_too_short": "a value that is not empty",
    "string_too_long": "at most {max_length} characters",
    "too_long": "at most {max_length} characters",
}


def fresh_master_key() -> str:
    """Make a new random master key, in the form in which `BULOU_MASTER_KEY` takes it."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environ: The variables. None: this process's environment, and `.env` in the working folder for what it lacks.

    Raises:
        WrongSettings: With a line for each variable to mend.
    """
    variables = _environment() if environ is None else environ
    ours = {name: value for name, value in variables.items() if name.startswith(PREFIX) and value}
    ours, problems = _open_files(ours)
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in ours.items() if name in _known()}
    try:
        settings = Settings(**source())
    except ValidationError as error:
        files = {problem.variable for problem in problems}
        found = map(_problem, error.errors(include_url=False, include_input=False))
        problems += [problem for problem in found if f"{problem.variable}_FILE" not in files]
    else:
        problems += _bucket_problems(settings)
        settings._unknown = tuple(sorted(name for name in ours if name not in _known()))
    if problems:
        unique = {problem.variable: problem for problem in reversed(problems)}
        raise WrongSettings(sorted(unique.values(), key=lambda problem: problem.variable))
    return settings


def _bucket_problems(settings: Settings) -> Iterator[Problem]:
    """A vault in a bucket needs the key to it."""
    if settings.vault_url.startswith("s3://") and not (settings.vault and settings.vault.access_key):
        missing = (
            f"expected a value (and {_variable('vault', 'secret_key')}), because {_variable('vault_url')} is a bucket"
        )
        yield Problem(_variable("vault", "access_key"), missing)


def _environment() -> dict[str, str]:
    """This process's variables, and those of `.env` that it does not have itself."""
    try:
        written = dotenv_values(".env", interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSettings([Problem(".env", "expected a file that can be read, as text in UTF-8")]) from error
    return {**{name: value for name, value in written.items() if value}, **os.environ}


def _open_files(variables: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """Put the content of each secret's file in place of the file's name."""
    opened, problems = dict(variables), []
    for variable in (setting.variable for setting in _walk() if setting.secret):
        path = opened.pop(f"{variable}_FILE", None)
        if path is None:
            continue
        if variable in opened:
            problems.append(Problem(variable, f"expected either this or {variable}_FILE, not both"))
            continue
        try:
            with Path(path).open("rb") as file:
                opened[variable] = file.read(_LARGEST_SECRET_FILE).decode().strip()
        except (OSError, ValueError):
            opened[variable] = ""
        if not opened[variable]:
            problems.append(Problem(f"{variable}_FILE", "expected a file that can be read and holds the secret"))
            del opened[variable]
    return opened, problems


def _problem(error: ErrorDetails) -> Problem:
    """One of pydantic's errors in the operator's words; never with the value."""
    context = error.get("ctx", {})
    kind = error["type"]
    if kind == "expected":
        what = context["what"]
    else:
        what = _EXPECTED.get(kind, "another value").format(**context).replace("'", "")
    return Problem(_variable(*error["loc"]), f"expected {what}")


# --- For people -------------------------------------------------------------------------------------------------------


class Variable(NamedTuple):
    """One variable for the reference page."""

    variable: str
    default: str
    description: str


@dataclass(frozen=True, slots=True)
class _Setting:
    """One variable with what the model says about it."""

    variable: str
    default: str
    description: str
    secret: bool


def _walk(model: type[BaseModel] = Settings, place: tuple[str, ...] = ()) -> Iterator[_Setting]:
    """Every variable there is, in the order of the page."""
    for name, info in model.model_fields.items():
        here = (*place, info.alias or name)
        section = next((kind for kind in _kinds(info.annotation) if issubclass(kind, _Section)), None)
        if section:
            yield from _walk(section, here)
        else:
            secret = SecretStr in _kinds(info.annotation)
            yield _Setting(_variable(*here), _shown(info.default), info.description or "", secret)


def _kinds(annotation: Any) -> list[type]:
    """The classes that an annotation such as `Annotated[SecretStr, …] | None` is made of."""
    if isinstance(annotation, type):
        return [annotation]
    return [kind for part in get_args(annotation) for kind in _kinds(part)]


def _shown(default: Any) -> str:
    if default is None or default is PydanticUndefined:
        return ""
    return default.get_secret_value() if isinstance(default, SecretStr) else str(default)


@cache
def _known() -> frozenset[str]:
    return frozenset(setting.variable for setting in _walk())


def reference() -> list[Variable]:
    """List every variable with its default and what it means; an empty default means that there is none."""
    also = " Or {}_FILE: a file that holds it."
    return [
        Variable(each.variable, each.default, each.description + (also.format(each.variable) if each.secret else ""))
        for each in _walk()
    ]


def warnings(settings: Settings) -> list[str]:
    """Say what works but is perhaps not meant; without any secret."""
    found = [f"{name}: there is no such setting{_perhaps(name)}" for name in settings._unknown]
    found += [
        f"{name}: http outside this machine can be read on the way; use https"
        for name, address in _addresses(settings)
        if urlsplit(address).scheme == "http" and not _is_loopback(urlsplit(address).hostname or "")
    ]
    if settings.interview and settings.interview.link and not settings.interview.secret:
        found.append(f"{_variable('interview', 'secret')}: not set, so no result of an interview is accepted")
    return found


def _perhaps(name: str) -> str:
    from rapidfuzz import fuzz, process  # only who has made a mistake waits for it

    near = process.extractOne(name, _known(), scorer=fuzz.ratio, score_cutoff=80)
    return f"; did you mean {near[0]}?" if near else ""


def _addresses(settings: Settings) -> Iterator[tuple[str, str]]:
    """The addresses that are in use, each with its variable."""
    vault = settings.vault if settings.vault_url.startswith("s3://") else None
    sections = (("wecom", settings.wecom), ("feishu", settings.feishu), ("sms", settings.sms), ("vault", vault))
    yield _variable("public_url"), settings.public_url
    for section, values in sections:
        for name in ("api_base", "login_base", "group_webhook", "url", "endpoint"):
            value = getattr(values, name, None)
            if value:
                plain = value.get_secret_value() if isinstance(value, SecretStr) else value
                yield _variable(section, name), plain


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
