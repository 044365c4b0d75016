"""The foundation: errors, ids, clock, money, secrets, JSON, events, tasks. Imports nothing of ours."""
