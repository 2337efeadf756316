"""Each worker is one `sweep(now)`: claim due rows, do them, mark them."""
