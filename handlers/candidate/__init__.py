"""What candidates do: in chat, by SMS reply or on their own page."""
