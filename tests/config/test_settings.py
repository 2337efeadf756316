"""Settings: what each variable means, and what the operator is told about a wrong one."""

import base64
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr, ValidationError

from config.settings import FeishuMode, SmsProvider, WrongSettings, fresh_master_key, load_settings, reference, warnings

RAW = bytes(range(224, 256))  # gives + and / in base64
KEY = base64.b64encode(RAW).decode()
LEAST = {"BULOU_PUBLIC_URL": "https://bot.example.com", "BULOU_MASTER_KEY": KEY}
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP = {
    "BULOU_WECOM__CORP_ID": "ww1",
    "BULOU_WECOM__AGENT_ID": "1000002",
    "BULOU_WECOM__SECRET": "s3cret",
    "BULOU_WECOM__TOKEN": "t0ken",
    "BULOU_WECOM__AES_KEY": AES_KEY,
}
FEISHU = {
    "BULOU_FEISHU__APP_ID": "cli_1",
    "BULOU_FEISHU__APP_SECRET": "s3cret",
    "BULOU_FEISHU__VERIFICATION_TOKEN": "v",
}


def wrong(**variables: str) -> list[str]:
    """What the operator is told, a line each."""
    with pytest.raises(WrongSettings) as refused:
        load_settings({**LEAST, **variables})
    return str(refused.value).splitlines()


class TestDefaults:
    """Two variables are enough."""

    settings = load_settings(LEAST)

    def test_plain_values(self) -> None:
        settings = self.settings
        assert "sqlite+aiosqlite:///bulou.db" == settings.database_url.get_secret_value()
        assert ("./vault", None) == (settings.vault_url, settings.process_dir)
        assert (ZoneInfo("Asia/Shanghai"), "zh-CN") == (settings.timezone, settings.locale)
        assert 20 * 1024 * 1024 == settings.largest_upload

    def test_what_is_not_configured_is_absent(self) -> None:
        settings = self.settings
        assert (None, None, None, None) == (settings.wecom, settings.feishu, settings.smtp, settings.interview)
        assert SmsProvider.LOG is settings.sms.provider

    def test_nothing_to_warn_of(self) -> None:
        assert [] == warnings(self.settings)

    def test_they_never_change(self) -> None:
        with pytest.raises(ValidationError):
            self.settings.locale = "en"  # type: ignore[misc]


def test_everything_can_be_set() -> None:
    settings = load_settings(
        {
            "BULOU_DATABASE_URL": "postgresql+asyncpg://u:p@db/bulou",
            "BULOU_PUBLIC_URL": "https://bot.example.com/jobs/",
            "BULOU_MASTER_KEY": KEY,
            "BULOU_VAULT_URL": "s3://bucket/prefix",
            "BULOU_VAULT__ENDPOINT": "https://bucket.oss-cn-hangzhou.aliyuncs.com",
            "BULOU_VAULT__REGION": "cn-hangzhou",
            "BULOU_VAULT__ACCESS_KEY": "LTAI",
            "BULOU_VAULT__SECRET_KEY": "hunter2",
            "BULOU_PROCESS_DIR": "/etc/bulou",
            "BULOU_TIMEZONE": "Asia/Tokyo",
            "BULOU_LOCALE": "ja",
            "BULOU_COMPANY": "好咖啡",
            "BULOU_LARGEST_UPLOAD": "1000",
            **APP,
            "BULOU_WECOM__API_BASE": "http://127.0.0.1:9000/wecom",
            "BULOU_WECOM__LOGIN_BASE": "http://localhost:9000",
            "BULOU_WECOM__KF_OPEN_KFID": "wk1",
            "BULOU_WECOM__GROUP_WEBHOOK": "http://127.0.0.1:9000/cgi-bin/webhook/send?key=k",
            "BULOU_WECOM__BOT_TOKEN": "b",
            "BULOU_WECOM__BOT_AES_KEY": AES_KEY,
            **FEISHU,
            "BULOU_FEISHU__MODE": "callback",
            "BULOU_FEISHU__API_BASE": "https://open.larksuite.com",
            "BULOU_FEISHU__ENCRYPT_KEY": "e",
            "BULOU_FEISHU__HR_CHAT_ID": "oc_1",
            "BULOU_FEISHU__GROUP_WEBHOOK": "https://open.feishu.cn/open-apis/bot/v2/hook/1",
            "BULOU_FEISHU__GROUP_SECRET": "g",
            "BULOU_SMS__PROVIDER": "http",
            "BULOU_SMS__URL": "https://sms.example.com/send?app=1",
            "BULOU_SMS__TOKEN": "bearer",
            "BULOU_SMTP__URL": "smtps://user:pass@mail.example.com:465",
            "BULOU_SMTP__FROM": "jobs@example.com",
            "BULOU_INTERVIEW__LINK": "https://interview.example.com/s/{token}",
            "BULOU_INTERVIEW__SECRET": "whsec_" + KEY,
        }
    )
    assert settings.wecom is not None
    assert settings.wecom.app is not None
    assert settings.feishu is not None
    assert settings.smtp is not None
    assert settings.interview is not None
    assert settings.vault is not None
    assert ("LTAI", "cn-hangzhou") == (settings.vault.access_key, settings.vault.region)
    assert SecretStr("hunter2") == settings.vault.secret_key
    assert ("https://bot.example.com/jobs", "Asia/Tokyo") == (settings.public_url, settings.timezone.key)
    assert (Path("/etc/bulou"), "好咖啡", 1000) == (settings.process_dir, settings.company, settings.largest_upload)
    assert ("ww1", 1000002, "wk1") == (
        settings.wecom.app.corp_id,
        settings.wecom.app.agent_id,
        settings.wecom.kf_open_kfid,
    )
    assert SecretStr(AES_KEY) == settings.wecom.app.aes_key == settings.wecom.bot_aes_key
    assert SecretStr("http://127.0.0.1:9000/cgi-bin/webhook/send?key=k") == settings.wecom.group_webhook
    assert ("cli_1", "oc_1") == (settings.feishu.app_id, settings.feishu.hr_chat_id)
    assert (SmsProvider.HTTP, "https://sms.example.com/send?app=1") == (settings.sms.provider, settings.sms.url)
    assert ("jobs@example.com", "jobs@example.com") == (settings.smtp.from_, settings.mail_from)
    assert "https://interview.example.com/s/{token}" == settings.interview.link
    assert [] == warnings(settings)


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"BULOU_PUBLIC_URL": ""}, "BULOU_PUBLIC_URL: expected a value; it is not set"),
        ({"BULOU_MASTER_KEY": ""}, "BULOU_MASTER_KEY: expected a value; it is not set"),
        ({"BULOU_MASTER_KEY": "c2hvcnQ="}, "BULOU_MASTER_KEY: expected 32 random bytes in base64"),
        ({"BULOU_MASTER_KEY": "ü" * 44}, "BULOU_MASTER_KEY: expected 32 random bytes in base64"),
        ({"BULOU_PUBLIC_URL": "bot.example.com"}, "BULOU_PUBLIC_URL: expected an address such as https://"),
        ({"BULOU_PUBLIC_URL": "https://a.example.com?x=1"}, "BULOU_PUBLIC_URL: expected an address such as https://"),
        ({"BULOU_PUBLIC_URL": "https://[::1"}, "BULOU_PUBLIC_URL: expected an address such as https://"),
        (
            {"BULOU_DATABASE_URL": "postgres://u:hunter2@h/d"},
            "BULOU_DATABASE_URL: expected sqlite+aiosqlite:///FILE or ",
        ),
        ({"BULOU_VAULT_URL": "ftp://x"}, "BULOU_VAULT_URL: expected a folder, file:///FOLDER or s3://BUCKET/PREFIX"),
        (
            {"BULOU_VAULT_URL": "s3://papers"},
            "BULOU_VAULT__ACCESS_KEY: expected a value (and BULOU_VAULT__SECRET_KEY), because BULOU_VAULT_URL is",
        ),
        (
            {"BULOU_VAULT_URL": "s3://papers", "BULOU_VAULT__ACCESS_KEY": "a"},
            "BULOU_VAULT__SECRET_KEY: expected a value, because BULOU_VAULT__ACCESS_KEY is set",
        ),
        ({"BULOU_VAULT__ENDPOINT": "oss"}, "BULOU_VAULT__ENDPOINT: expected an address such as https://"),
        ({"BULOU_TIMEZONE": "Shanghai"}, "BULOU_TIMEZONE: expected a time zone such as Asia/Shanghai"),
        ({"BULOU_TIMEZONE": "../../etc/passwd"}, "BULOU_TIMEZONE: expected a time zone such as Asia/Shanghai"),
        ({"BULOU_LOCALE": "Chinese"}, "BULOU_LOCALE: expected a language such as zh-CN, en or ja"),
        ({"BULOU_LARGEST_UPLOAD": "20MB"}, "BULOU_LARGEST_UPLOAD: expected a whole number"),
        ({"BULOU_LARGEST_UPLOAD": "0"}, "BULOU_LARGEST_UPLOAD: expected a number above 0"),
        (
            {**APP, "BULOU_WECOM__AES_KEY": AES_KEY[1:]},
            "BULOU_WECOM__AES_KEY: expected the EncodingAESKey of WeCom's page",
        ),
        ({**APP, "BULOU_WECOM__AGENT_ID": "app"}, "BULOU_WECOM__AGENT_ID: expected a whole number"),
        (
            {**APP, "BULOU_WECOM__TOKEN": ""},
            "BULOU_WECOM__TOKEN: expected a value, because BULOU_WECOM__CORP_ID is set",
        ),
        (
            {**APP, "BULOU_WECOM__CORP_ID": ""},
            "BULOU_WECOM__CORP_ID: expected a value, because BULOU_WECOM__AGENT_ID is",
        ),
        (
            {"BULOU_WECOM__BOT_TOKEN": "b"},
            "BULOU_WECOM__BOT_AES_KEY: expected a value, because BULOU_WECOM__BOT_TOKEN is",
        ),
        (
            {"BULOU_WECOM__GROUP_WEBHOOK": "key=1"},
            "BULOU_WECOM__GROUP_WEBHOOK: expected a whole address, from https://",
        ),
        (
            {"BULOU_FEISHU__APP_ID": "a", "BULOU_FEISHU__ENCRYPT_KEY": "e"},
            "BULOU_FEISHU__APP_SECRET: expected a value, because BULOU_FEISHU__APP_ID is set",
        ),
        (
            {**FEISHU, "BULOU_FEISHU__VERIFICATION_TOKEN": ""},
            "BULOU_FEISHU__VERIFICATION_TOKEN: expected a value (or BULOU_FEISHU__ENCRYPT_KEY)",
        ),
        (
            {**FEISHU, "BULOU_FEISHU__MODE": "callback", "BULOU_FEISHU__VERIFICATION_TOKEN": ""},
            "BULOU_FEISHU__VERIFICATION_TOKEN: expected a value (or BULOU_FEISHU__ENCRYPT_KEY)",
        ),
        ({**FEISHU, "BULOU_FEISHU__MODE": "push"}, "BULOU_FEISHU__MODE: expected callback or websocket"),
        (
            {**FEISHU, "BULOU_FEISHU__MODE": "websocket", "BULOU_FEISHU__APP_SECRET": ""},
            "BULOU_FEISHU__APP_SECRET: expected a value, because BULOU_FEISHU__APP_ID is set",
        ),
        (
            {"BULOU_FEISHU__GROUP_SECRET": "g"},
            "BULOU_FEISHU__GROUP_WEBHOOK: expected a value, because BULOU_FEISHU__GROUP_SECRET is set",
        ),
        ({"BULOU_SMS__PROVIDER": "fax"}, "BULOU_SMS__PROVIDER: expected log or http"),
        (
            {"BULOU_SMS__PROVIDER": "tencent"},
            "BULOU_SMS__PROVIDER: expected log or http; tencent is not offered by this",
        ),
        ({"BULOU_SMS__PROVIDER": "aliyun"}, "BULOU_SMS__PROVIDER: expected log or http; aliyun is not offered by this"),
        (
            {"BULOU_SMS__PROVIDER": "http", "BULOU_SMS__TOKEN": "t"},
            "BULOU_SMS__URL: expected a value, because BULOU_SMS__PROVIDER is set to http",
        ),
        (
            {"BULOU_SMS__PROVIDER": "http", "BULOU_SMS__URL": "https://s.example.com"},
            "BULOU_SMS__TOKEN: expected a value, because BULOU_SMS__PROVIDER is set to http",
        ),
        ({"BULOU_SMTP__URL": "mail.example.com:25"}, "BULOU_SMTP__URL: expected smtp://"),
        ({"BULOU_SMTP__URL": "smtp://h:port"}, "BULOU_SMTP__URL: expected smtp://"),
        ({"BULOU_SMTP__FROM": "me"}, "BULOU_SMTP__FROM: expected an e-mail address such as no-reply@example.com"),
        (
            {"BULOU_INTERVIEW__LINK": "https://i.example.com"},
            "BULOU_INTERVIEW__LINK: expected a web address with {token}",
        ),
        (
            {"BULOU_INTERVIEW__SECRET": "hunter2"},
            "BULOU_INTERVIEW__SECRET: expected a Standard Webhooks secret: whsec_",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_what_to_do(variables: dict[str, str], line: str) -> None:
    found = wrong(**variables)
    assert [line] == [text[: len(line)] for text in found]


class TestFeishuMode:
    """Where we go to Feishu, its callbacks need no protection; where it comes to us, they do."""

    def test_callbacks_unless_told_otherwise(self) -> None:
        settings = load_settings({**LEAST, **FEISHU})
        assert settings.feishu is not None
        assert FeishuMode.CALLBACK is settings.feishu.mode

    def test_a_long_connection_needs_only_the_app(self) -> None:
        app = {name: value for name, value in FEISHU.items() if "VERIFICATION" not in name}
        settings = load_settings({**LEAST, **app, "BULOU_FEISHU__MODE": "websocket"})
        assert settings.feishu is not None
        assert FeishuMode.WEBSOCKET is settings.feishu.mode
        assert (None, None) == (settings.feishu.encrypt_key, settings.feishu.verification_token)
        assert [] == warnings(settings)

    def test_but_the_whole_app(self) -> None:
        because = "expected a value, because BULOU_FEISHU__MODE is set to websocket"
        expected = [f"BULOU_FEISHU__APP_ID: {because}", f"BULOU_FEISHU__APP_SECRET: {because}"]
        assert expected == wrong(BULOU_FEISHU__MODE="websocket")


def test_all_wrong_variables_are_named_at_once() -> None:
    found = wrong(BULOU_MASTER_KEY="", BULOU_TIMEZONE="x", BULOU_WECOM__CORP_ID="c", BULOU_WECOM__AES_KEY="short")
    expected = ["MASTER_KEY", "TIMEZONE", "WECOM__AES_KEY", "WECOM__AGENT_ID", "WECOM__SECRET", "WECOM__TOKEN"]
    assert [f"BULOU_{name}" for name in expected] == [line.split(":")[0] for line in found]


def test_a_secret_is_never_told() -> None:
    secrets = {
        "BULOU_MASTER_KEY": "hunter2",
        "BULOU_DATABASE_URL": "postgres://u:hunter2@h/d",
        "BULOU_WECOM__AES_KEY": "hunter2",
        "BULOU_WECOM__GROUP_WEBHOOK": "hunter2",
        "BULOU_SMTP__URL": "imap://u:hunter2@h",
        "BULOU_INTERVIEW__SECRET": "hunter2",
    }
    assert "hunter2" not in "".join(wrong(**secrets))
    right = {**APP, "BULOU_SMTP__URL": "smtp://u:hunter2@h", "BULOU_WECOM__SECRET": "hunter2"}
    assert "hunter2" not in repr(load_settings({**LEAST, **right}))


class TestMasterKey:
    """Standard or URL-safe base64."""

    @pytest.mark.parametrize("text", [KEY, base64.urlsafe_b64encode(RAW).decode(), KEY.rstrip("=")])
    def test_both_alphabets(self, text: str) -> None:
        assert RAW == load_settings({**LEAST, "BULOU_MASTER_KEY": text}).master_key_bytes

    def test_a_fresh_one_is_right_and_new(self) -> None:
        assert fresh_master_key() != fresh_master_key()
        assert 32 == len(load_settings({**LEAST, "BULOU_MASTER_KEY": fresh_master_key()}).master_key_bytes)


class TestSecretFiles:
    """Each secret may lie in a file."""

    def test_its_content_counts(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(KEY + "\n")
        (tmp_path / "aes").write_text(AES_KEY)
        environ = {
            "BULOU_PUBLIC_URL": "https://bot.example.com",
            "BULOU_MASTER_KEY_FILE": str(tmp_path / "key"),
            **APP,
            "BULOU_WECOM__AES_KEY": "",
            "BULOU_WECOM__AES_KEY_FILE": str(tmp_path / "aes"),
        }
        settings = load_settings(environ)
        assert RAW == settings.master_key_bytes
        assert settings.wecom is not None
        assert SecretStr(AES_KEY) == settings.wecom.aes_key
        assert [] == warnings(settings)

    def test_each_secret_has_one(self) -> None:
        files = [line.variable for line in reference() if f"{line.variable}_FILE" in line.description]
        assert {
            "BULOU_DATABASE_URL",
            "BULOU_MASTER_KEY",
            "BULOU_WECOM__SECRET",
            "BULOU_WECOM__TOKEN",
            "BULOU_WECOM__AES_KEY",
            "BULOU_WECOM__GROUP_WEBHOOK",
            "BULOU_WECOM__BOT_TOKEN",
            "BULOU_WECOM__BOT_AES_KEY",
            "BULOU_FEISHU__APP_SECRET",
            "BULOU_FEISHU__ENCRYPT_KEY",
            "BULOU_FEISHU__VERIFICATION_TOKEN",
            "BULOU_FEISHU__GROUP_WEBHOOK",
            "BULOU_FEISHU__GROUP_SECRET",
            "BULOU_SMS__TOKEN",
            "BULOU_SMTP__URL",
            "BULOU_INTERVIEW__SECRET",
            "BULOU_VAULT__SECRET_KEY",
        } == set(files)

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        found = wrong(BULOU_WECOM__SECRET_FILE=str(tmp_path / "gone"))
        assert ["BULOU_WECOM__SECRET_FILE: expected a file that can be read and holds the secret"] == found

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("\n")
        found = wrong(BULOU_MASTER_KEY="", BULOU_MASTER_KEY_FILE=str(tmp_path / "key"))
        assert ["BULOU_MASTER_KEY_FILE: expected a file that can be read and holds the secret"] == found

    def test_not_both(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(KEY)
        found = wrong(BULOU_MASTER_KEY_FILE=str(tmp_path / "key"))
        assert ["BULOU_MASTER_KEY: expected either this or BULOU_MASTER_KEY_FILE, not both"] == found


@pytest.mark.parametrize("secret", ["123", "null", "[1]", '{"a": 1}', "$HOME", "a#b", "true"])
def test_a_secret_is_taken_as_it_stands(secret: str) -> None:
    settings = load_settings({**LEAST, **APP, "BULOU_WECOM__SECRET": secret})
    assert settings.wecom is not None
    assert SecretStr(secret) == settings.wecom.secret


def test_a_group_robot_needs_no_app() -> None:
    settings = load_settings({**LEAST, "BULOU_WECOM__GROUP_WEBHOOK": "https://qyapi.weixin.qq.com/x?key=1"})
    assert settings.wecom is not None
    assert settings.wecom.app is None


def test_mail_comes_from_the_public_host() -> None:
    assert "no-reply@bot.example.com" == load_settings(LEAST).mail_from


def test_the_env_file_fills_what_the_environment_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f"BULOU_MASTER_KEY={KEY}",
        "BULOU_PUBLIC_URL=https://file.example.com",
        "BULOU_COMPANY='$好咖啡'",
        "OTHER=1",
    ]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BULOU_PUBLIC_URL", "https://env.example.com")
    settings = load_settings()
    assert ("https://env.example.com", "$好咖啡") == (settings.public_url, settings.company)


def test_an_env_file_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongSettings) as refused:
        load_settings()
    assert ".env: expected a file that can be read, as text in UTF-8" == str(refused.value)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"BULOU_PUBLIC_URL": "http://bot.example.com"}, ["BULOU_PUBLIC_URL: http outside this machine can be read"]),
        ({"BULOU_PUBLIC_URL": "http://127.0.0.1:8000"}, []),
        ({"BULOU_PUBLIC_URL": "http://[::1]:8000"}, []),
        ({"BULOU_PUBLIC_URL": "http://localhost"}, []),
        ({**APP, "BULOU_WECOM__API_BASE": "http://10.0.0.1"}, ["BULOU_WECOM__API_BASE: http outside this machine"]),
        (
            {"BULOU_WECOM__GROUP_WEBHOOK": "http://h.example.com/?key=hunter2"},
            ["BULOU_WECOM__GROUP_WEBHOOK: http outside this machine can be read on the way; use https"],
        ),
        (
            {"BULOU_WECOM__CROP_ID": "x"},
            ["BULOU_WECOM__CROP_ID: there is no such setting; did you mean BULOU_WECOM__CORP_ID"],
        ),
        ({"BULOU_LOG": "x"}, ["BULOU_LOG: there is no such setting"]),
        (
            {"BULOU_INTERVIEW__LINK": "https://i.example.com/{token}"},
            ["BULOU_INTERVIEW__SECRET: not set, so no result"],
        ),
    ],
)
def test_what_is_perhaps_not_meant_is_told(variables: dict[str, str], told: list[str]) -> None:
    found = warnings(load_settings({**LEAST, **variables}))
    assert len(told) == len(found)
    assert told == [text[: len(start)] for text, start in zip(found, told, strict=True)]


class TestReference:
    """The page that is made of it is complete."""

    def test_each_variable_is_explained(self) -> None:
        assert all(line.description for line in reference())

    def test_defaults_are_shown(self) -> None:
        defaults = {line.variable: line.default for line in reference()}
        assert "sqlite+aiosqlite:///bulou.db" == defaults["BULOU_DATABASE_URL"]
        assert "Asia/Shanghai" == defaults["BULOU_TIMEZONE"]
        assert "log" == defaults["BULOU_SMS__PROVIDER"]
        assert "" == defaults["BULOU_SMTP__FROM"]
        assert "20971520" == defaults["BULOU_LARGEST_UPLOAD"]
