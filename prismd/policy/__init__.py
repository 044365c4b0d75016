"""May this call happen? Identity, access, rate."""
