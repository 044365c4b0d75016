"""One file per screen; ``registry`` names them all."""
