"""Runs: HTTP, platforms, delivery, timers, sandbox, commands. Everything with a socket or a clock."""
