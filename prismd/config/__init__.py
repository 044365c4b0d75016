"""Settings: what an operator can say, read with line numbers. Shape here, meaning in snapshot."""
