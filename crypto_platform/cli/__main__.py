"""`python -m crypto_platform.cli` is `crypto-platform`."""

from crypto_platform.cli.main import main

main(prog_name="crypto-platform")
