"""Files on their way out: pictures as pictures where WeCom takes them as such, all else as files."""

from bot.errors import GiveUp
from bot.platforms.base import Fetched
from bot.platforms.wecom.api import Upload, WeComApi
from bot.platforms.wecom.cards import (
    FILE_LIMIT,
    GROUP_IMAGE_LIMIT,
    IMAGE_LIMIT,
    IMAGES,
    SMALLEST_FILE,
    group_image_payload,
    media_payload,
)
from bot.platforms.wire import shown_name


def upload_of(file: Fetched) -> Upload:
    """A file as WeCom takes it. Raises GiveUp: it takes none of this size."""
    if len(file.content) < SMALLEST_FILE:
        raise GiveUp("the file is empty")
    if len(file.content) > FILE_LIMIT:
        raise GiveUp("the file is larger than 20 MB, the most that WeCom takes")
    kind = "image" if file.content_type in IMAGES and len(file.content) <= IMAGE_LIMIT else "file"
    return Upload(file.content, _name(file), kind)


async def send_file_to_group(api: WeComApi, webhook: str, file: Fetched) -> None:
    """Show a file in a group through its robot. Raises TryLater or GiveUp."""
    upload = upload_of(file)
    if upload.kind == "image" and len(file.content) <= GROUP_IMAGE_LIMIT:
        await api.send_to_group(webhook, group_image_payload(file.content))
        return
    media_id = await api.upload_to_group(webhook, Upload(upload.content, upload.name, "file"))
    await api.send_to_group(webhook, media_payload("file", media_id))


def _name(file: Fetched) -> str:
    """A name that can stand between quotation marks in a form's head."""
    name = shown_name(file.name).replace('"', "'")
    return name or {"image/png": "image.png", "image/jpeg": "image.jpg"}.get(file.content_type, "file")
