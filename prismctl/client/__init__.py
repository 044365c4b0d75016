"""The HTTP side: one client, one class per API. Nothing here prints."""
