"""What people write, and what they mean by it."""

import pytest

from recruiting.intents import Intent, code_in, intent, phone_in, yes_or_no

MEANT = {
    Intent.STATUS: """
        我的进度到哪了|请问我现在什么情况|where do I stand?|进度|進度|查一下進度|我的面试结果怎么样了|
        面试通过了吗？|什么时候出结果|有结果了吗|我过了吗|Status|ＳＴＡＴＵＳ|status?|any update?|
        Any news on my application?|did I pass|What's next?|下一步|接下来我要做什么|还要等多久|
        您好，请问我的申请到哪一步了，谢谢|選考状況を教えてください|結果はいつわかりますか|今どうなっていますか|
        面試結果出來了嗎|请问 下一步 怎么做 呢？|how long does it take|我 的 进 度|审核到哪了|
        I don't know where I stand|您好，我是昨天面试的小王，请问我的面试进度怎么样了？|
        When will I hear from you?|结果呢|😊进度
    """,
    Intent.HELP: """
        帮助|幫助|help|HELP!|？|?|help me please|怎么用|你能做什么|菜单|menu|what can you do?|怎么操作啊|ヘルプ|
        使い方|我该怎么办|I need help|how does this work
    """,
    Intent.RESCHEDULE: """
        改时间|改時間|我想改时间|能不能换个时间？|改期|可以改到明天吗|换到下午|reschedule|
        Can I reschedule my interview?|I can't make it|can we change the time|another day please|
        日程を変更したいです|時間を変更できますか|明天我有事，能改时间吗|那天我来不了|推迟
    """,
    Intent.HUMAN: """
        人工|转人工|轉人工|人工客服|我要找真人|找客服|我想跟人聊|talk to a human|I want to speak to someone|
        real person please|human|联系HR|担当者と話したい|人と話したいです|请转人工服务|
        给我打电话吧，给我回个电话|agent|能找工作人员帮我处理吗
    """,
    Intent.STOP: """
        stop|STOP|Stop.|please stop|TD|td|T|T退订|回T退订|退订|退訂|我要退订|停止|停|不要再发了|
        别再给我发短信了|不要再發訊息給我|unsubscribe|Stop texting me|stop messaging me!|opt out|
        no more messages|取消订阅|ＴＤ|退　订|配信停止|メッセージを送らないで|停止发送|don't text me|别发了|
        拒收|如何退订
    """,
    Intent.ERASE: """
        删除我的信息|刪除我的資料|请删除我的个人信息|把我的信息删了|我的资料能删掉吗|注销账号|delete my data|
        Please erase my personal information|delete all my data|remove my account|forget me|
        個人情報を削除してください|データを消してください|删除
    """,
    Intent.NOT_ME: """
        不是我|这不是我|不是本人|你发错人了|你們發錯人了|打错了人|您打错了|wrong number|Wrong person!|not me|
        that's not me|It's not me|我不是他|我不叫李雷|查无此人|人違いです|我不是你们要找的人|
        you have the wrong number|号码错了
    """,
    Intent.LATER: """
        晚点|晚点再做|稍后|等一下|later|Not now|later today|我在上班，晚点弄|现在没空|I'm at work|
        remind me tomorrow|下班再做|あとで|後でやります|今晚做|I will do it tonight|明天再面
    """,
    Intent.BROKEN: """
        链接打不开|打不开|鏈接打不開|网页打不开啊|link doesn't work|The link is broken|I can't open it|
        链接失效了|點不開|404|リンクが開けません|二维码过期了|页面空白|the page won't load|打不开链接
    """,
    Intent.WITHDRAW: """
        不想面试了|我不面试了|我放弃|放弃面试|我找到工作了|已经找到别的工作了|不考虑了|I'm not interested|
        no longer interested|withdraw|I want to withdraw my application|I found another job|辞退します|
        応募を取り消したい|没兴趣|沒有興趣|不去了|取消申请|不來了
    """,
    Intent.RESUME: "取消退订|恢复接收|重新订阅|start|START|unstop|继续接收消息|配信再開|恢复通知",
}
UNCLEAR = """
        不要退订|don't stop|Do not stop please|不是要退订|我没有要退订|不用转人工|不用改时间|不想删除我的信息|
        不要删除我的信息|别取消面试|我不想放弃面试|停车场在哪|公交车停在哪里|I'm at the bus stop|
        stop by tomorrow?|我是学生|好的|谢谢|hello|你好|人工智能面试|我应聘客服|我发错了|不是我的问题|
        削除しないでください|配信停止しないでください|I don't want to withdraw|请不要注销账号|
        我昨天路过你们店，门口停了一辆车，店员说可以先停一会儿，然后我就进去问了招聘的事情，她人很好|
        My last boss told me to stop and I did not stop because customers were waiting, then he said delete my data|
        以前那家公司老是发短信，我就回了退订，后来换了号码，所以你们打电话的时候可能打不通|张三|🙂|...|一二三|
        13800138000|我的简历
    """


def cut(listed: str) -> list[str]:
    return [phrase.strip(" \n") for phrase in listed.replace("|\n", "|").split("|")]


@pytest.mark.parametrize(
    ("phrase", "expected"), [(phrase, wish) for wish, listed in MEANT.items() for phrase in cut(listed)]
)
def test_a_short_wish_is_understood(phrase: str, expected: Intent) -> None:
    assert expected is intent(phrase)


@pytest.mark.parametrize("phrase", [*cut(UNCLEAR), "", " ", "停" * 300])
def test_rather_nothing_than_too_much(phrase: str) -> None:
    assert intent(phrase) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("123456", "123456"),
        (" １２３４５６ ", "123456"),
        ("验证码：123456", "123456"),
        ("my code is 123456.", "123456"),
        ("123 456", "123456"),
        ("12345", None),
        ("1234567", None),
        ("13800138000", None),
        ("123456 or 654321", None),
        ("call 13800138000 code 123456", None),
        ("١٢٣٤٥٦", None),
        ("", None),
        ("the number of people who came to the shop last year was 123456", None),
    ],
)
def test_a_code_to_the_phone_is_exactly_six_digits(text: str, expected: str | None) -> None:
    assert expected == code_in(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("K7M2P9QX", "K7M2P9QX"),
        (" k7m2p9qx\n", "K7M2P9QX"),
        ("\u3000Ｋ７Ｍ２ｐ９ｑｘ", "K7M2P9QX"),
        ("\u200bK7M2P9QX\u2060", "K7M2P9QX"),
        ("A234567B", "A234567B"),
        ("22334455", "22334455"),
        ("K7M2P9Q", None),
        ("K7M2P9QXY", None),
        ("K7M2P9Q0", None),
        ("K7M2P9Q1", None),
        ("K7M2-P9QX", None),
        ("K7M2P9QX!", None),
        ("good luck", None),
        ("my code is K7M2P9QX", None),
        ("招聘招聘招聘招聘", None),
    ],
)
def test_a_links_code_is_eight_characters_without_anything_else(text: str, expected: str | None) -> None:
    assert expected == code_in(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13800138000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("+86-138-0013-8000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        (" １３８００１３８０００ ", "+8613800138000"),
        ("138\u200b00138000", "+8613800138000"),
        ("12800138000", None),
        ("1380013800", None),
        ("138001380000", None),
        ("我的手机是13800138000", None),
        ("02112345678", None),
        ("+1 202 555 0100", None),
        ("", None),
    ],
)
def test_a_phone_is_a_mainland_mobile_typed_alone(text: str, expected: str | None) -> None:
    assert expected == phone_in(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (text, True)
            for text in ("同意", "我同意！", "好的", "可以", "是", "OK", "Yes.", "I agree", "はい", "同意します", "Ｙ")
        ),
        *(
            (text, False)
            for text in ("不同意", "我不同意", "不", "no", "No!", "拒绝", "I don't agree", "いいえ", "同意しません")
        ),
        *((text, None) for text in ("也许", "同意不同意", "why?", "", "不知道", "yes and no")),
    ],
)
def test_consent_is_only_what_says_so(text: str, expected: bool | None) -> None:
    assert expected is yes_or_no(text)
