"""Vendors as tables, and the one way of sending to them."""
