"""Starts the server, lets Schemathesis try what docs/openapi.json promises, and stops it again.

    ERP_SERVER=target/release/erp-server target/schemathesis/bin/python apps/server/schemathesis/run.py [options of `st run`]

The closing line is Schemathesis' own: `2345 generated, 2345 passed`.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
SERVER = pathlib.Path(os.environ["ERP_SERVER"]).resolve()
TIMEOUT_SECONDS = 600


def main():
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder, "data")
        command = [SERVER, "--listen", "127.0.0.1:0", "--data", data, "--dev", "--log-level", "error"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            url = next(word for word in server.stdout.readline().split() if word.startswith("http://"))
            tried = st(url, folder, sys.argv[1:])
            if server.poll() is not None:
                sys.exit("the server did not survive it")
            return tried
        finally:
            server.terminate()
            server.wait()


def st(url, folder, options):
    command = [pathlib.Path(sys.executable).with_name("st"), "--config-file", HERE / "schemathesis.toml"]
    command += ["run", f"{url}/openapi.json", "--no-color", *options]
    environment = {**os.environ, "TOKEN": sign_in(url), "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py")}
    return subprocess.run(command, env=environment, cwd=folder, timeout=TIMEOUT_SECONDS).returncode


def sign_in(url):
    body = json.dumps({"user": "ana", "workspaceId": "acme"}).encode()
    request = urllib.request.Request(f"{url}/dev/sign-in", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as response:
        return json.load(response)["token"]


if __name__ == "__main__":
    sys.exit(main())
