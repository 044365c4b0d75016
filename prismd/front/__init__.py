"""The socket side: what every request must satisfy before any route is looked at."""
