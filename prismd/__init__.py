"""prismd: the gateway daemon. Start reading at README.md in this folder, then flow/serve.py."""

__version__ = "0.1.0"
