"""A service for tests of the supervisor: answers /health on a port, and misbehaves as its words say."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            os._exit(3)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def main(port: int, words: list[str]) -> None:
    if "broken" in words:
        print("the cellar is flooded", file=sys.stderr)
        sys.exit(4)
    if "stubborn" in words:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "parent" in words:
        subprocess.Popen([sys.executable, "-S", "-E", __file__, "0"])
    HTTPServer(("127.0.0.1", port), Answers).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
