"""Health certificates are read here: in a process of its own, without network, within bounds."""

from bot.documents.reading.reader import ReadDocument, Reader, Unreadable

__all__ = ["ReadDocument", "Reader", "Unreadable"]
