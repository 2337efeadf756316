"""Files from outside: what they are, and what stands in a spreadsheet."""
