"""The rooms under ``/-/``: the operator's side of the gateway."""
