"""The ways out: chat, SMS, e-mail; when to try again and how fast one may send."""
