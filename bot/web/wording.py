"""What a handler answered, in words for the candidate's page: the same texts as in chat."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from bot.delivery.compose import House
from bot.texts import UnfilledText
from recruiting.process import words
from storage.applications import Loaded, load_one
from storage.links import token_for
from storage.unit import Unit


class Wording:
    """Speaks about one application in its candidate's language, in an open unit."""

    def __init__(self, house: House, unit: Unit, loaded: Loaded, name: str) -> None:
        self.house = house
        self.unit = unit
        self.loaded = loaded
        self.name = name

    async def told(self, text: str, given: Mapping[str, Any]) -> str:
        """A reply; nothing where it speaks of what a page has no words for."""
        values = await self._always() | {name: await self._put(name, value) for name, value in given.items()}
        try:
            return self.house.texts.say(text, self.loaded.locale, **values)
        except UnfilledText:
            return ""

    def when(self, moment: datetime) -> str:
        """A moment in the company's time zone."""
        return self.house.texts.when(moment, self.loaded.locale, self.house.timezone, self.unit.now)

    async def _always(self) -> dict[str, Any]:
        """What every text may speak of."""
        loaded, base = self.loaded, self.house.public_url.rstrip("/")
        state = loaded.application
        stage = state.now_in
        end = state.since + stage.deadline if stage.deadline is not None and state.since is not None else None
        return {
            "name": self.name,
            "company": self.house.company,
            "position": loaded.position,
            "shop": loaded.shop,
            "stage": words(stage.name, loaded.locale),
            "deadline": self.when(end) if end is not None and state.open else "",
            "link": f"{base}/i/{await token_for(self.unit, loaded, 'invite')}",
            "chat_link": f"{base}/c/{await token_for(self.unit, loaded, 'chat')}",
        }

    async def _put(self, name: str, value: Any) -> Any:
        """Put a value into the person's language (`handlers.routing.Turn` lists the forms)."""
        texts, locale = self.house.texts, self.loaded.locale
        if name == "reason":
            return texts.reason(value, locale)
        match value:
            case {"$when": str(moment)}:
                return self.when(datetime.fromisoformat(moment))
            case {"$day": str(day)}:
                return texts.day(date.fromisoformat(day), locale)
            case {"$reason": reason}:
                return texts.reason(reason, locale)
            case {"$say": str(key)}:
                inner = {each: await self._put(each, v) for each, v in value.get("values", {}).items()}
                return texts.say(key, locale, **inner)
            case {"$stage": [application, stage]}:
                other = await load_one(self.unit, application)
                return words(other.application.process.stage(stage).name, locale) if other else ""
            case {"$words": spoken}:
                return words(spoken, locale)
            case _:
                return value
