"""The other side of the wire, as strict as the real one: for tests, the demo, and any bot to talk to."""

from bot.sandbox.world import DEFAULTS, Names, Sandbox, environment, serve

__all__ = ["DEFAULTS", "Names", "Sandbox", "environment", "serve"]
