"""The command group: which commands there are, each imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

_COMMANDS = {
    "demo": ("crypto_platform.cli.demo", "demo"),
    "up": ("crypto_platform.cli.up", "up"),
    "snapshot": ("crypto_platform.cli.pipeline", "snapshot"),
    "drop": ("crypto_platform.cli.pipeline", "drop"),
    "backfill": ("crypto_platform.cli.backfill", "backfill"),
    "replay": ("crypto_platform.cli.pipeline", "replay"),
    "rebuild-warehouse": ("crypto_platform.cli.stores", "rebuild_warehouse"),
    "migrate": ("crypto_platform.cli.stores", "migrate"),
    "query": ("crypto_platform.cli.stores", "query"),
    "export": ("crypto_platform.cli.stores", "export"),
    "report": ("crypto_platform.cli.report", "report"),
    "status": ("crypto_platform.cli.status", "status"),
    "doctor": ("crypto_platform.cli.doctor", "doctor"),
    "sandbox": ("crypto_platform.sandbox.command", "sandbox"),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="crypto-platform", prog_name="crypto-platform")
def main() -> None:
    """A crypto market data platform: live snapshots and daily history, every answer kept, one checked price history.

    Start with `crypto-platform demo`. Settings come from the environment (CRYPTO_…) and `.env`.
    """
