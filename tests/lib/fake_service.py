"""A service for tests of the supervisor: answers /health on a port, and misbehaves as its words say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def beat() -> None:
    """Shows a sign of life in the state folder, late at first, as a service does that takes its time to come up."""
    time.sleep(1.5)
    while True:
        (Path(os.environ["ALMONER_STATE"]) / "beat").touch()
        time.sleep(0.1)


def main(port: int, words: list[str]) -> None:
    if "broken" in words:
        print("the cellar is flooded", file=sys.stderr)
        sys.exit(4)
    if "stubborn" in words:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "parent" in words:
        subprocess.Popen([sys.executable, "-S", "-E", __file__, "0"])
    if "beating" in words:
        threading.Thread(target=beat, daemon=True).start()
    HTTPServer(("127.0.0.1", port), Answers).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
