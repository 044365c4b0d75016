"""The corridor: the one way an inference call takes. Start at serve.py."""
