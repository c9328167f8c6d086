"""The servers that several nodes share: a PostgreSQL of its own, which syncs, and a Redis."""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from machines import free_port, wait_until


class Postgres:
    """PostgreSQL as Debian packs it; it does not run as root."""

    def __init__(self):
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
        self.programs = found[-1].parent
        self.folder = tempfile.mkdtemp(prefix="bench-postgres")
        self.port = free_port()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        books = f"{self.folder}/books"
        self.run("initdb", "-D", books, "-A", "trust", "-U", "pixelgate", "-E", "UTF8", "--locale=C")
        settings = (
            f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n"
            "max_connections = 100\nshared_buffers = 128MB\n"
        )
        with open(f"{books}/postgresql.conf", "a") as file:
            file.write(settings)
        self.run("pg_ctl", "-D", books, "-l", f"{self.folder}/log", "-w", "start")

    def run(self, program, *arguments):
        other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        subprocess.run([*other, self.programs / program, *arguments], check=True, stdout=subprocess.DEVNULL, cwd="/")

    def database(self, name):
        """A database of its own, as config names it: the credential is in a file."""
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "pixelgate", name)
        credential = Path(self.folder, f"{name}.url")
        credential.write_text(f"postgres://pixelgate@127.0.0.1:{self.port}/{name}?sslmode=disable")
        credential.chmod(0o600)
        return f"file:{credential}"

    def stop(self):
        self.run("pg_ctl", "-D", f"{self.folder}/books", "-m", "fast", "stop")
        shutil.rmtree(self.folder)


class Redis:
    def __init__(self):
        self.port = free_port()
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.popen = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self.port)
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def stop(self):
        self.popen.terminate()
        self.popen.wait(60)
