"""The bot's own HTTP: callbacks, links, the candidate's page, results, the API, health."""
