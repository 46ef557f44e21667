"""Which OS account the embedded server runs as: PostgreSQL refuses to run as root, so root hands it to another."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from crypto_platform.warehouse.errors import WarehouseError

_NAME = "pgserver"


@dataclass(frozen=True)
class Account:
    """The user and group the server runs as; both are None when it is simply whoever runs the platform."""

    uid: int | None = None
    gid: int | None = None

    def give(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def make_reachable(self, path: Path) -> None:
        """Let the account walk to `path`: the bare x bit, only on folders that lack it."""
        for folder in () if self.uid is None else reversed(path.absolute().parents):
            found = folder.stat()
            if not self._may(found, stat.S_IXUSR):
                folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)

    def make_readable(self, tree: Path) -> None:
        """Let the account read and run a tree that was installed for root alone."""
        for path in () if self.uid is None else (tree, *tree.rglob("*")):
            found = path.stat()
            needed = stat.S_IRUSR | (found.st_mode & stat.S_IXUSR)
            if not self._may(found, needed):
                path.chmod(stat.S_IMODE(found.st_mode) | needed >> 6)

    def _may(self, found: os.stat_result, needed: int) -> bool:
        """Whether the account holds all of `needed`, which is spelled with the owner's bits."""
        shift = 0 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 6
        return (found.st_mode << shift) & needed == needed

    def run(self, command: list[str], env: dict[str, str], timeout: float | None = None) -> tuple[int, str]:
        """Run a command to its end; its exit code and all it printed."""
        done = subprocess.run(  # noqa: S603 - the wheel's own binaries
            command,
            env=env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
            umask=0o077,
            check=False,
        )
        return done.returncode, done.stdout.decode(errors="replace")

    def spawn(self, command: list[str], env: dict[str, str], log: Path) -> tuple[int, str]:
        """Run a command that leaves a daemon behind, whose output goes on into `log`."""
        with log.open("ab") as output:
            start = output.tell()
            done = subprocess.run(  # noqa: S603 - the wheel's own binaries
                command,
                env=env,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self.uid,
                group=self.gid,
                extra_groups=None if self.uid is None else [],
                umask=0o077,
                check=False,
            )
        with log.open("rb") as written:
            written.seek(start)
            return done.returncode, written.read().decode(errors="replace")


def server_account() -> Account:
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(_NAME)
    except KeyError:
        entry = _create_user()
    return Account(entry.pw_uid, entry.pw_gid)


def _create_user() -> pwd.struct_passwd:
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    command = [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAME]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - fixed arguments
        return pwd.getpwnam(_NAME)
    except (OSError, subprocess.CalledProcessError, KeyError) as error:
        try:
            return pwd.getpwnam(_NAME)  # another process was quicker
        except KeyError:
            raise WarehouseError(
                f"PostgreSQL does not run as root and the user {_NAME} could not be made ({error}); "
                "run the platform as an ordinary user, or set CRYPTO_WAREHOUSE to a PostgreSQL URL."
            ) from error
