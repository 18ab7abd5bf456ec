"""Callers that ask all the time and remember what they were told."""

import http.client
import json
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

TIMEOUT_S = 60.0
DONE = b"data: [DONE]\n\n"


class Callers:
    """Threads that ask for a model, each on a connection of its own, until the block ends.

    What an answer was is counted in `outcomes`: `200` only when it came to its end, else its status, `cut` for a body
    that broke off and `broken` for no answer at all.
    """

    def __init__(
        self,
        port: int,
        key: str,
        *models: str,
        threads: int = 4,
        pause_s: float = 0.0,
        stream: bool = False,
        requests: int | None = None,
    ) -> None:
        """With *requests* each thread asks so often and no more; *models* take turns."""
        self.outcomes: Counter[str] = Counter()
        self.acknowledged: list[str] = []
        """Ids of requests whose answer was seen whole."""
        self.configs: set[str] = set()
        """What `x-engine-config` has said."""
        self._address = ("127.0.0.1", port)
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._models = models
        self._pause_s = pause_s
        self._stream = stream
        self._requests = requests
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._requests is None or kind is not None:
            self._stop.set()
        for thread in self._threads:
            thread.join(2 * TIMEOUT_S)

    @property
    def failed(self) -> int:
        """Requests that did not end with a whole 200."""
        return self.outcomes.total() - self.outcomes["200"]

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        asked = 0
        while not self._stop.is_set() and asked != self._requests:
            outcome = self._asked(connection, self._models[asked % len(self._models)])
            asked += 1
            with self._lock:
                self.outcomes[outcome] += 1
            time.sleep(self._pause_s)
        connection.close()

    def _asked(self, connection: http.client.HTTPConnection, model: str) -> str:
        """What became of one request."""
        said = {"model": model, "messages": [{"role": "user", "content": "hello"}], "stream": self._stream}
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(said).encode(), self._headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException):
            connection.close()
            return "broken"
        try:
            body = answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return "cut"
        return self._told(answer, body)

    def _told(self, answer: http.client.HTTPResponse, body: bytes) -> str:
        if answer.status == 200 and self._stream and not body.endswith(DONE):
            return "cut"
        with self._lock:
            self.configs.add(answer.headers.get("x-engine-config", ""))
            if answer.status == 200:
                self.acknowledged.append(answer.headers["x-request-id"])
        return str(answer.status)
