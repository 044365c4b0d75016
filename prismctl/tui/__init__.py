"""The dashboard. The only package that knows Textual; line-based commands never reach it."""
