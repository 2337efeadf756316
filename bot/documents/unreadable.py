"""Why a file cannot be read as a list of candidates: one line each that says what to do."""

from bot.errors import BotError


class Unreadable(BotError):
    """The file cannot be read as a list; `reason` and `reason_zh` are one line each, without personal data."""

    def __init__(self, reason: str, reason_zh: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.reason_zh = reason_zh


def damaged() -> Unreadable:
    """The archive or its XML is broken."""
    return Unreadable(
        "the file is damaged or incomplete: open it in Excel, save it again as .xlsx and send that",
        "文件已损坏或不完整：请用 Excel 打开，另存为 .xlsx 后重新发送",
    )


def too_large(what: str, what_zh: str) -> Unreadable:
    """The file is beyond a bound; `what` names it."""
    return Unreadable(
        f"the file is too large ({what}): split it and import the parts",
        f"文件过大（{what_zh}）：请拆分后分批导入",
    )


def not_a_list() -> Unreadable:
    """The content is neither a workbook of the present format nor text, whatever the name says."""
    return Unreadable(
        "this is not an .xlsx workbook: open it in Excel, save it as .xlsx or .csv and send that",
        "这不是 .xlsx 工作簿：请用 Excel 打开，另存为 .xlsx 或 .csv 后重新发送",
    )


def no_header() -> Unreadable:
    """No row has a name column and a phone or e-mail column."""
    return Unreadable(
        "no header row: one of the first 50 rows needs a name column (姓名) and a phone or e-mail column (手机, 邮箱)",
        "找不到表头：前 50 行内须有一行同时含“姓名”列和“手机”或“邮箱”列",
    )
