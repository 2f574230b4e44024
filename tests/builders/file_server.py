"""A web server of a few files on this machine, which can be told to behave as badly as servers do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """Its files by name, and how it misbehaves; `asked` are the ranges that it was asked for."""

    files: dict[str, bytes]
    address: str = ""
    tag: str = '"one"'
    ranges: bool = True  # False: it sends everything, whatever is asked for
    cut_after: int | None = None  # bytes of the body, then the connection is closed
    cuts: int = 0  # so many times
    failures: list[int] = field(default_factory=list)  # status codes that come first
    lies_about_range: bool = False
    says_length: bool = True
    asked: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers as `served` says at the time."""

    served: Served

    def do_GET(self) -> None:
        self.served.asked.append(self.headers.get("Range", ""))
        content = self.served.files.get(self.path.removeprefix("/"))
        if self.served.failures or content is None:
            self.send_error(self.served.failures.pop(0) if self.served.failures else 404)
        elif 0 < len(content) <= (begins := self.begins()):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.answer(content, begins)

    def begins(self) -> int:
        asked = self.headers.get("Range", "")
        heeded = asked and self.served.ranges and self.headers.get("If-Range") == self.served.tag
        return int(asked.removeprefix("bytes=").removesuffix("-")) if heeded else 0

    def answer(self, content: bytes, begins: int) -> None:
        body = content[begins:]
        self.send_response(206 if begins else 200)
        if begins:
            said = begins + self.served.lies_about_range
            self.send_header("Content-Range", f"bytes {said}-{len(content) - 1}/{len(content)}")
        if self.served.tag:
            self.send_header("ETag", self.served.tag)
        if self.served.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.served.cuts and self.served.cut_after is not None:
            self.served.cuts -= 1
            body = body[: self.served.cut_after]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Served]:
    """The server, at http://127.0.0.1:PORT; files can be changed while it serves."""
    served = Served(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"served": served}))
    served.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
