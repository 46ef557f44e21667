"""`crypto-platform`: the command line. Each command is a few lines over the rooms below; imports wait until needed."""

from crypto_platform.cli.main import main

__all__ = ["main"]
