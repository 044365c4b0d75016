"""prismctl: the operator's command line for a Prism gateway. Start reading at README.md here."""

__version__ = "0.1.0"
