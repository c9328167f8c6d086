"""Runs docs/openapi-admin.yaml against a gateway with schemathesis: the admin origin, an operator's token, arguments for `st run`."""

import os
import pathlib
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
url, token, *arguments = sys.argv[1:]
config = root / "tests/fixtures/openapi/admin.toml"
command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
command += [str(root / "docs/openapi-admin.yaml"), "--no-color", *arguments]
# In a folder of its own, as it leaves notes behind.
with tempfile.TemporaryDirectory() as folder:
    environment = {"PIXELGATE_URL": url, "PIXELGATE_TOKEN": token}
    sys.exit(subprocess.run(command, env=os.environ | environment, cwd=folder).returncode)
