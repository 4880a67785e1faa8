"""A PostgreSQL of the test's own: in a temporary folder, on loopback, at a free port."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

import psycopg

_PATIENCE = 60.0
_DEBIAN = Path("/usr/lib/postgresql")
_USER = "eyeward"


def binaries() -> Path | None:
    """Return where the programs of PostgreSQL lie, the newest, or None."""
    named = shutil.which("postgres")
    if named is not None and (Path(named).parent / "initdb").is_file():
        return Path(named).parent
    found = [folder for folder in _DEBIAN.glob("*/bin") if (folder / "initdb").is_file()]
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


class Cluster:
    """A server with databases."""

    def __init__(self, programs: Path) -> None:
        """Make it and start it."""
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="eyeward-postgres-"))
        self._numbers = count()
        self._password = secrets.token_hex(16)
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:  # which PostgreSQL refuses to run as
            account = _account()
            self._as = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        self._kept = socket.socket()  # bound and never listening: nobody else gets the port meanwhile
        self._kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._kept.bind(("127.0.0.1", 0))
        self.port = int(self._kept.getsockname()[1])
        secret = self._folder / "password"
        secret.write_text(self._password, encoding="utf-8")
        secret.chmod(0o644)
        words = f"--username={_USER} --auth=scram-sha-256 --pwfile={secret} --encoding=UTF8 --no-locale --no-sync"
        self._do("initdb", f"--pgdata={self._data}", *words.split(), "--no-instructions")
        self._server = self._started()

    def database(self) -> str:
        """Make a schema, which is quicker made than a database and as empty, and return its address."""
        name = f"labels_{next(self._numbers)}"
        with self._connected() as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{self._address}?options=-csearch_path%3D{name}"

    def crash(self) -> None:
        """End it at once, as a crash would, and start it again."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(_PATIENCE)
        self._server = self._started()

    def end(self) -> None:
        """End it at once, and take away what it has written."""
        self._server.send_signal(signal.SIGQUIT)
        try:
            self._server.wait(_PATIENCE)
        finally:
            if self._server.poll() is None:
                self._server.kill()
                self._server.wait()
            self._kept.close()
            shutil.rmtree(self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _address(self) -> str:
        return f"postgresql://{_USER}:{self._password}@127.0.0.1:{self.port}/postgres"

    def _connected(self) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(self._address, autocommit=True, connect_timeout=60)

    def _do(self, program: str, *words: str) -> None:
        done = subprocess.run([self._programs / program, *words], cwd="/", capture_output=True, text=True, **self._as)
        assert done.returncode == 0, done.stderr

    def _started(self) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
            "synchronous_commit": "off",  # a store has to ask for more than that
            "fsync": "off",  # the machine itself does not crash here
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *words]
        server: subprocess.Popen[bytes] = subprocess.Popen(
            command, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as
        )
        patience = time.monotonic() + _PATIENCE
        while True:
            try:
                self._connected().close()
                return server
            except psycopg.OperationalError:
                assert server.poll() is None, "PostgreSQL ended by itself"
                assert time.monotonic() < patience, "PostgreSQL does not answer"
                time.sleep(0.05)


def _account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("there is no user that PostgreSQL could run as")
