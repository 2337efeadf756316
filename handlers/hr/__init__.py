"""What members of the company do: slash-commands, and the buttons on their cards."""
