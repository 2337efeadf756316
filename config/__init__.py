"""Declares: what operator and HR may change without touching code."""
