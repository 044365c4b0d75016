"""How answers look: nothing here knows HTTP or the commands."""
