"""What a shell is told at TAB: fast, silent, and harmless whatever the gateway holds.

The scripts of the shells (``commands/completion_scripts``) run the program with the line in the
environment; ``answer`` is what it prints then. Commands do not know of it.
"""
