"""Feishu as a bot sees it from the other side of the wire. `bot.sandbox.feishu.world` joins the parts."""
