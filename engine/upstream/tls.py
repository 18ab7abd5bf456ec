"""TLS contexts for connections to providers."""

import ssl
from pathlib import Path

import certifi

__all__ = ["TlsContexts"]

_Stamp = tuple[int, int, int]


class TlsContexts:
    """Client contexts: certificate and host name are always checked, TLS 1.2 at least, ALPN offers HTTP/1.1 only.

    Without a file of its own a provider is trusted by the system's store and certifi's together: slim images come
    without the first, companies add their roots to it. With `ca_file` that file alone is trusted; when it changes, new
    connections go by the new content.
    """

    def __init__(self) -> None:
        self._public: ssl.SSLContext | None = None
        self._by_file: dict[str, tuple[_Stamp, ssl.SSLContext]] = {}

    def context(self, ca_file: str | None) -> ssl.SSLContext:
        """The context for a new connection.

        Raises:
            OSError: *ca_file* cannot be read or holds no certificates (`ssl.SSLError` is one).
        """
        if ca_file is not None:
            return self._pinned(ca_file)
        if self._public is None:
            self._public = _http1_only(ssl.create_default_context())
            self._public.load_verify_locations(certifi.where())
        return self._public

    def _pinned(self, ca_file: str) -> ssl.SSLContext:
        stat = Path(ca_file).stat()
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._by_file.get(ca_file)
        if known is None or known[0] != stamp:
            known = (stamp, _http1_only(ssl.create_default_context(cafile=ca_file)))
            self._by_file[ca_file] = known
        return known[1]


def _http1_only(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
