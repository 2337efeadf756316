"""Decides: what should happen next, and why. Values in, values out; no network, no database, no clock, no files."""
