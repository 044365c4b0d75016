"""State: the data directory, the databases, their tables. All SQL of the project lives here."""
