"""Bytes ⇄ wire, both directions, without I/O."""
