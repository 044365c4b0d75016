"""Rooms: HTTP only. A room reads a request, calls what does the work, and writes the answer."""
