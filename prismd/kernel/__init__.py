"""The foundation: errors, ids, clock, money, secrets, JSON, events. Imports nothing of ours."""
