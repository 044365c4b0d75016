"""One reading of a URL, and nothing that two parsers could read differently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismd.kernel.callers_url import MAX_CHARS, BadUrl, CallersUrl

TAKEN = {
    "https://example.com": ("example.com", 443, "/", "example.com"),
    "HTTPS://EXAMPLE.com./a.png?b=c#d": ("example.com", 443, "/a.png?b=c", "example.com"),
    "http://example.com:8080/": ("example.com", 8080, "/", "example.com:8080"),
    "https://example.com:/": ("example.com", 443, "/", "example.com"),
    "https://a_b.s3.example/x%20y": ("a_b.s3.example", 443, "/x%20y", "a_b.s3.example"),
    "https://bücher.example/K\u00f6ln.jpg": (
        "xn--bcher-kva.example",
        443,
        "/K%C3%B6ln.jpg",
        "xn--bcher-kva.example",
    ),
    "https://127\u30020\u30020\u30021/": ("127.0.0.1", 443, "/", "127.0.0.1"),  # IDN dots
    "https://①②⑦.0.0.1/": ("127.0.0.1", 443, "/", "127.0.0.1"),
    "https://0x7f.1/": ("0x7f.1", 443, "/", "0x7f.1"),  # a name, which its address must answer for
    "https://[2606:4700::1111]/": ("2606:4700::1111", 443, "/", "[2606:4700::1111]"),
    "https://[::1]:444/": ("::1", 444, "/", "[::1]:444"),
}
REFUSED = [
    "",
    "example.com",
    "//example.com/",
    "https:",
    "https://",
    "https:///etc/passwd",
    "https:/example.com",
    "gopher://example.com/",
    "file:///etc/passwd",
    "ftp://example.com/",
    "data:image/png;base64,AA==",
    "javascript:alert(1)",
    "https://a@127.0.0.1/",
    "https://a:b@example.com/",
    "https://@example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com\\.internal/",
    "https://example.com\r\nHost: internal/",
    "https://exa\r\nmple.com/",
    "https://exam\tple.com/",
    "https://example.com/\x00",
    " https://example.com/",
    "https://exam ple.com/",
    "https://example.com:99999/",
    "https://example.com:-1/",
    "https://example.com:8o/",
    "https://example.com:\u0664\u0664\u0663/",
    "https://[fe80::1%25eth0]/",
    "https://[fe80::1%eth0]/",
    "https://[::1/",
    "https://[example.com]/",
    "https://[v1.x]/",
    "https://::1/",
    "https://exa%6dple.com/",
    "https://example..com/",
    "https://.example.com/",
    "https://-a.example/",
    "https://example.com../",
    "https://a.example,b.example/",
    "https://ex\u2100mple.com/",  # its compatibility form has a slash
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 127}example/",
    f"https://example.com/{'a' * MAX_CHARS}",
]


@pytest.mark.parametrize("text", TAKEN)
def test_taken(text: str) -> None:
    url = CallersUrl.read(text)
    assert (url.host, url.port, url.target, url.host_header) == TAKEN[text]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    with pytest.raises(BadUrl):
        CallersUrl.read(text)


@pytest.mark.parametrize(
    ("text", "address", "expected"),
    [
        ("https://a.example/b?c", "8.8.8.8", "https://8.8.8.8:443/b?c"),
        ("http://a.example:8080", "2606:4700::1", "http://[2606:4700::1]:8080/"),
    ],
)
def test_the_same_at_an_address(text: str, address: str, expected: str) -> None:
    assert CallersUrl.read(text).at(address) == expected


@given(st.text(max_size=40), st.sampled_from(["", "https://", "http://a.b/", "https://["]))
def test_whatever_comes_what_goes_out_is_one_line_of_ascii(rest: str, start: str) -> None:
    try:
        url = CallersUrl.read(start + rest)
    except BadUrl:
        return
    for sent in (url.host_header, url.target, url.at("8.8.8.8")):
        assert sent.isascii()
        assert sent.isprintable()
        assert " " not in sent
    assert url.target.startswith("/") or "/" not in rest
