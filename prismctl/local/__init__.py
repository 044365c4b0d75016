"""The gateway on this machine: find, start, watch and stop ``prismd`` for ``prismctl up``."""
