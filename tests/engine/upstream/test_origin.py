from ipaddress import ip_network

import pytest

from engine.upstream.origin import Origin, split_base_url


@pytest.mark.parametrize(
    ("url", "authority", "address", "path"),
    [
        ("https://API.example.com/v1/", "api.example.com", "api.example.com:443", "/v1"),
        ("http://h:8000", "h:8000", "h:8000", ""),
        ("http://[::1]:80/a/b", "[::1]", "[::1]:80", "/a/b"),
        ("https://10.0.0.1:8443/v1", "10.0.0.1:8443", "10.0.0.1:8443", "/v1"),
    ],
)
def test_base_urls(url: str, authority: str, address: str, path: str) -> None:
    """A base URL becomes what the Host header says, what records say, and the path to build on."""
    origin, rest = split_base_url(url)
    assert (origin.authority, origin.address, rest) == (authority, address, path)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://h/", "h/v1", "https:///v1", "https://user:pw@h/", "https://h/?q", "https://h/#f", "https://bücher.de",
     "https://h:99999/", "https://[::1/"],
)  # fmt: skip
def test_what_is_no_base_url(url: str) -> None:
    """Anything but a plain http(s) URL is refused."""
    with pytest.raises(ValueError, match=r".+"):
        split_base_url(url)


def test_the_fingerprint() -> None:
    """Connections are shared by address, TLS settings and what they were allowed to dial; by nothing else."""
    plain, _ = split_base_url("https://h/v1")
    assert plain == split_base_url("https://H:443/v2")[0] == Origin(scheme="https", host="h", port=443)
    others = [
        split_base_url("http://h:443/v1")[0],
        split_base_url("https://h:8443/v1")[0],
        split_base_url("https://h/v1", ca_file="/ca.pem")[0],
        split_base_url("https://h/v1", allow_private=(ip_network("10.0.0.0/8"),))[0],
    ]
    assert len({plain, *others}) == 5
