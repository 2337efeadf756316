"""What people write when they want something: a table that grows. `recruiting.intents` folds a text, then looks here.

Each wish has two lists of regular expressions, set apart by line breaks or two spaces: what must be the whole text, and
what may stand anywhere in a short one. `<link>` stands for the words of that name. Traditional and Japanese characters
are folded like those of the text. Order counts: the first wish that fits holds.
"""

import re
from enum import StrEnum


class Intent(StrEnum):
    """What people want of us."""

    RESUME = "resume"
    STOP = "stop"
    ERASE = "erase"
    NOT_ME = "not_me"
    WITHDRAW = "withdraw"
    BROKEN = "broken"
    HUMAN = "human"
    RESCHEDULE = "reschedule"
    LATER = "later"
    STATUS = "status"
    HELP = "help"


WORDS = {
    "link": "(链接|连结|网页|网址|页面|二维码|link|url|page|website|リンク|ページ)",
    "dead": "(打不开|进不去|点不开|点不了|开不了|没反应)",
    "person": "(human|person|someone|somebody|recruiter|agent|representative|hr|staff)",
    "slot": "(time|date|slot|interview|appointment|day)",
    "mine": "(我的?|本人的?|关于我的)(全部|所有|个人)*",
    "data": "(个人)*(信息|资讯|资料|数据|简历|账号|帐号|账户|帐户|隐私|记录)",
    "mail": "(短信|消息|信息|讯息|简讯|通知|提醒|邮件|推送)",
    "en_data": "((all|of|my|personal|the) )*(data|info|information|details|account|records?|profile|resume|cv)",
}

PHRASES: dict[Intent, tuple[str, str]] = {
    Intent.RESUME: (
        r"""
        start  unstop  subscribe  恢复  恢复(接收|订阅|发送)?  配信再開  再開
        """,
        r"""
        取消退订  撤销退订  重新(订阅|接收)  恢复(接收|订阅|发送|<mail>)  继续(接收|给我发)
        resume (the )?(messages|sending|texts)  start (the )?(messages|texting) again  resubscribe
        配信を?再開
        """,
    ),
    Intent.STOP: (
        r"""
        t  td  tt  n  qx  t ?退订  td ?退订  stop  stop ?all  quit  unsub
        (stop|quit) (it|this|that|now|all)  停  停止  停止吧  停发  别烦我了?
        不要(再)?(烦|打扰|骚扰)我了?  别(再)?(打扰|骚扰)我了?  配信停止  停止してください
        やめてください?  leave me alone
        """,
        r"""
        退订  取消订阅  停止(发送|接收|推送|给我发|<mail>)  取消(所有)?<mail>  关闭<mail>
        (不要|别|不用|勿|不准)再?(给我|跟我|向我)?(发送|发|推送|寄)<mail>?(给我)?了?
        (不想|不愿|不要|拒绝)(再)?(收到|接收|收)<mail>?  拒收  unsubscribe  opt( |-)?out  remove me
        stop (sending|messaging|texting|contacting|emailing|calling|spamming|bothering)
        stop ((these|the|all) )?(messages|texts|sms|emails)
        (no more|don'?t want (any )?(more )?) ?(messages|texts|sms|emails)
        (don'?t|do not) (text|message|contact|email|send) me
        メッセージ(を|は)?(もう)?(送らない|停止|いらない|不要)  送らないで  配信を?(停止|止め|やめ)
        """,
    ),
    Intent.ERASE: (
        r"""
        删除  删掉  erase  delete  erase me  delete me  delete everything  忘记我  forget me
        """,
        r"""
        (删除|删掉|删了|清除|抹掉|注销|销毁|清空)(一下|掉|了)?(你们(那里|那边)?)?(<mine><data>?|个人<data>|<data>|账号)
        <mine><data>(都|全|全部|请|可以|能不能|能)*(删除|删掉|删了|清除|注销|销毁|删)
        (delete|erase|remove|wipe|destroy) <en_data>
        (個人)?(情報|データ|アカウント|履歴書)(を|の)?(すべて|全部)?(削除|消去|消し)
        """,
    ),
    Intent.NOT_ME: (
        r"""
        (这|那)?(个)?(真的?)?不是我(本人|的)?  我?不是本人  我不是(他|她|这个人|这人|那个人)
        我不叫\S{1,4}  我不认识(他|她|这个人)
        (that'?s |this is |it'?s |this isn'?t |that isn'?t |it isn'?t |i'?m )?not (me|him|her|them)
        (that|this|it) ?isn'?t me  i am not (him|her|this person|that person)  no such person  查无此人
        人違いです  人違い
        """,
        r"""
        (?<!我)(发|打|找|弄|认|搞|寄)错了?(人|号码|号|对象)了?
        (你们?|您)(是|好像)?(发|打|找|弄|认|搞)错了?  号码(不对|错了|有误)  没有这个人
        我不是(你|您)(们)?要找的人  (wrong|incorrect) (number|person|guy|recipient)
        (have|got) the wrong  人違い  間違い(メール|電話|です)  私(では|じゃ)(ありません|ない)
        """,
    ),
    Intent.WITHDRAW: (
        r"""
        放弃  我放弃  退出  withdraw  i quit  i withdraw  辞退  辞退します  不去了  我不去了  不来了  我不来了
        不了  不面了  not interested
        """,
        r"""
        (不想|不打算|不准备|不愿意?)(再|继续)?(去|来|参加|做|应聘|面试|上班)(面试|应聘|了|工作)
        不(参加|考虑|应聘|面试|求职|找工作)了  放弃(面试|应聘|申请|机会|这个|岗位|职位)
        退出(面试|应聘|申请|招聘)  取消(我的)?(应聘|申请|求职|面试)  撤回(我的)?(申请|应聘|简历)
        (已经?|我)找到(别的|其他|新的|了|新)?(工作|了)  有(别的)?工作了  没(有)?兴趣  不感兴趣
        (no longer|not|isn'?t|aren'?t) (really )?interested  withdraw (my )?(application|from)
        cancel my application
        (found|got|have|accepted) (a|another|some other) (new )?(job|offer|position)
        辞退(し|させ|いた)  応募を?(取り消|取消|キャンセル|やめ)  興味が(なく|ない|ありません)
        """,
    ),
    Intent.BROKEN: (
        r"""
        404  <dead>  broken  doesn'?t work  not working
        """,
        r"""
        <link>.{0,6}<dead>
        <link>.{0,6}(失效|坏了|没用|无效|过期|不能用|用不了|空白|报错|出错|错误|404|不对)
        <dead>(这个|那个|了)?(<link>|面试|了)?
        <link> (\S+ ){0,3}(broken|expired|dead|invalid|404|not work\w*|isn'?t working|fails?)
        <link> (\S+ ){0,3}(doesn'?t|does not|won'?t|will not) (work|open|load)
        (can'?t|cannot|can not|couldn'?t|unable to) (open|access|load|click|get into)
        (リンク|ページ)\S{0,4}(開け|開き|開か|切れ|エラー)  開けません  開けない  開きません  開かない
        つながらない  繋がらない
        """,
    ),
    Intent.HUMAN: (
        r"""
        人工  转人工  人工客服  人工服务  找人  找客服  客服  真人  hr  agent  operator  human  a human
        real person  a person  person  recruiter  有人吗  人呢  人在吗  担当者  オペレーター
        """,
        r"""
        (转|找|要|需要|接|联系|呼叫|想要)(一下|个|到|你们的?|下)?(人工(?!智能)|真人|客服|hr|招聘专员|招聘负责人|负责人|工作人员|人事)
        (跟|和|与|找)(一?个?)?(真?人|客服|hr|人事|工作人员|负责人|你们的人|招聘的人)(来)?(聊|说|谈|沟通|联系|讲|问|通话|处理|帮)
        人工(客服|服务|处理|帮忙|协助)
        (talk|speak|chat|connect me|get me|transfer me|put me through)( \S+){0,2} <person>
        (real|actual|live) (person|human)  (need|want) (a )?<person>
        call me  contact hr
        (担当者|人|人間|オペレーター|採用担当)(の方)?(と|に)(直接)?(話|連絡|相談|つな|繋|代わ)
        给我(回)?(个)?电话  打电话给我
        """,
    ),
    Intent.RESCHEDULE: (
        r"""
        改期  换时间  改时间  换天  改天  改约  另约  reschedule  change time  日程変更  時間変更
        变更  来不了  去不了  到不了
        """,
        r"""
        (改|换|调|变更|调整|更改|修改)(一下|个|下|面试的?|我的|成)*(时间|日期|日子|面试时间|预约|场次)
        (换|改)(个|到|成|一)(别的|其他)?(时间|日期|天|日子|周|上午|下午|晚上|明天|后天)
        (时间|日期)(能|可以|可不可以|能不能|想|要)*(改|换|调整|变更)  改期  延期  推迟
        另(外)?约(个)?时间  重新(预约|约|选时间|安排)
        (那天|那个时间|这个时间|明天|后天|周.|星期.|今天)(我)?(临时)?(有事|来不了|去不了|没法来|没法去|不行|到不了|没空)
        reschedul\w*
        (change|move|switch|postpone|push back)( (my|the|it|to|interview|appointment|another|a|different))* <slot>
        postpone  (another|different|other) (time|day|date|slot)
        (can'?t|cannot|can not|won'?t) (make it|come|attend|be there)
        (日程|時間|日時|面接日)(を|の)?(変更|変え|ずら|調整|別)  别の日  別の日  リスケ
        都合が(悪|つか)  行けなく
        """,
    ),
    Intent.LATER: (
        r"""
        晚点  晚些  稍后  等会儿?  等一下  等下  一会儿?  待会儿?  回头  later  not now  busy  tomorrow  tonight
        あとで  後で  后で  のちほど  在忙  忙着?  上班呢?
        """,
        r"""
        (晚点|晚些|稍后|等会儿?|等下|待会儿?|一会儿?|回头|过会儿?|下班后?|今晚|晚上|明天|改天|有空)(时)?(我)?(再|就|会|来)?(做|弄|看|说|面|参加|完成|提交|上传|发|传|处理|搞|填|回复)
        (现在|这会儿?|暂时|目前)(我)?(没空|没时间|不方便|在忙|忙|不行|有事|在上班)  在上班  正忙
        (do|finish|complete|upload|send|take)( (it|this|that|the interview))? (later|tonight|tomorrow|this evening)
        later today  (remind|ask|text|message) me (later|tomorrow|tonight|again)
        (i'?m|i am) (busy|at work|working|driving)  (right|just) now i can'?t
        (後で|あとで|のちほど|今夜|明日)(やり|受け|送り|し|提出|対応|連絡)
        今(は)?(忙|仕事中|無理|できません)
        """,
    ),
    Intent.STATUS: (
        r"""
        状态  进度  进展  结果  结果呢  怎么样了  怎样了  如何了  到哪了  什么情况  啥情况  我呢  下一步  status
        progress  update  updates  result  results  what now  what next  next  next step  next steps  進捗
        状況  ステータス  結果は  今どこ  次は
        """,
        r"""
        (进度|进展|状态|流程|申请|应聘|面试|简历|审核|健康证|我)(现在)?(的)?(到|走到|进行到|在)(了)?(哪|什么|第几|啥)
        (查|查询|看|问|了解|知道)(一下|下|看)?(我的?)?(面试|应聘|申请|招聘)?的?(进度|进展|状态|结果)
        我的?(面试|应聘|申请|招聘)?的?(进度|进展|状态|结果)
        (面试|应聘|申请|审核|测评|考核|笔试)(的)?(进度|进展|状态|结果)
        (现在|目前|我这边|我这)(是)?(什么|啥|怎么个)(情况|状态|进度|阶段)
        (到|走到|进行到)哪(一?步|里|儿|个)?(了|阶段)
        (有|出)(没有)?(结果|消息|进展)(了)?(吗|没|没有)  结果(出来|怎么样|如何|什么时候|几时|呢)
        (什么时候|多久|几时|何时|多长时间|啥时候|几天)(能|会|可以|才能|才)?(有|出|知道|收到)(结果|消息|通知|答复|回复|反馈|信)
        (我|面试|审核|测评)(是|到底)?(通过|过|录取|录用|被录取|被录用|入选)(了)?(吗|没有|没)
        (还要|要|需要)(再)?等(多久|几天|多长)
        (接下来|下一步|下面|然后|后面)(我)?(是|要|该|需要|应该|还要)?(怎么|做|干|什么|哪|如何)
        (面试|应聘|申请|我)(的事)?(怎么样|咋样|如何)了  where (do|am) i (stand|at)  where i stand
        where (is|'s) my application  (my|application|interview|current|the) (status|progress|result)
        (any|an|some) (news|updates?|results?|feedback)  did i (pass|get|make)
        (have|am) i (passed|accepted|hired|through)  what'?s (next|happening|the status|going on)
        what (is|are|comes) (the )?next  what do i (have to |need to )?do (next|now)
        how (is|did|'s)( \S+){0,2} (application|interview)  when (will|do|can) i (hear|know|get)
        how long  (選考|応募|面接|書類)の?(状況|結果|進捗|進み)
        結果(は|が|を)?(いつ|どう|出)  今(は)?どう(なって|いう)
        どうなり?ましたか  どうなっていますか  次(は|に)?(何|なに|どう)  どこまで
        """,
    ),
    Intent.HELP: (
        r"""
        \?+  h  help  help me  i need (some )?help  help needed  need help  menu  commands  options  info  how
        帮助  帮帮我  帮我  帮忙  帮个忙  需要帮助  我需要帮助  求助  菜单  功能  使用说明  说明  指南  怎么办
        我该怎么办  怎么用  怎么弄  怎么操作  怎么做  如何操作  如何使用  ヘルプ  助けて(ください)?  使い方
        使い方を教えて(ください)?  わかりません  わからない  困っています  メニュー
        """,
        r"""
        (你|您|机器人|这个|这里)(能|可以|会)(做|干|帮我?做?)?(什么|啥|哪些)  有(什么|哪些)功能
        (怎么|如何|咋)(用|使用|操作|弄|回复)  what can (you|i) do
        how (does|do) (this|it|i use)( work)?  what (is|are) (this|you)$
        (don'?t|do not) (understand|know what to do)  何ができ  どうすれば  どうやって
        """,
    ),
}

# Not part of a wish, before and after it.
BEFORE = r"""
    你好  您好  哈喽  喂  hi  hello  hey  ok
    好的  麻烦(您|你)?  请问(一下)?  请  拜托  不好意思  打扰一下  那个
    (我?想)?问(一下|下)  please  pls  sorry  excuse me  could you  can you  すみません  すいません
"""
AFTER = r"""
    谢谢(您|你)?  多谢  辛苦了  please  pls  thanks  thank you  thx  啊  呀  呢  哦  喔  吧
    哈  啦  ありがとう(ございます)?
"""

YES = r"""
    y  yes  yep  yeah  sure  i? ?agreed?  (i )?accept  ok  okay  1?同意  我同意  同意了  是  是的  对  对的  好  好的
    可以  行  没问题  接受  愿意  确认  嗯  はい  同意します  同意する  承諾します
"""
NO = r"""
    n  no  nope  (i )?disagree  (i )?(do not|don'?t) (agree|accept|consent)  (i )?decline  refuse  不同意  我不同意  不
    不是  不行  不可以  不好  拒绝  不接受  不愿意  否  不要  算了  いいえ  同意しません  同意しない  いや
"""


def alternatives(listed: str) -> str:
    """One regular expression of a list as it stands above."""
    filled = re.sub(r"<([a-z_]+)>", lambda found: WORDS[found[1]], listed.strip())
    return "|".join(re.split(r"\s{2,}|\n", filled))
