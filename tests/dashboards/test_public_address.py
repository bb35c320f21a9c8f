"""Where browsers find the server, and what is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

import app
from dashboards.public_address import host_in_url, origin_of, prefix_of
from data_access.errors import ValidationError


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("dash.example.org", "dash.example.org:80"),
        ("Dash.Example.org:8080", "dash.example.org:8080"),
        ("http://dash.example.org", "dash.example.org:80"),
        ("https://dash.example.org/", "dash.example.org:80"),
        ("https://dash.example.org:443", "dash.example.org:80"),
        ("http://dash.example.org:443", "dash.example.org:443"),
        ("[::1]:5006", "[::1]:5006"),
        ("*", "*"),
        ("*:8080", "*:8080"),
        ("192.168.*.*:5006", "192.168.*.*:5006"),
        ("dash.example.org:*", "dash.example.org:*"),
    ],
)
def test_a_host_is_understood_as_people_write_it(text: str, origin: str) -> None:
    assert origin_of(text) == origin


@pytest.mark.parametrize(
    "text",
    ["", ":80", "a:b:c", "a:b", "a:99999", "dash.example.org/path", "http://", "a b", "[::1", "u@host", "é"],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="A browser cannot come from") as refused:
        origin_of(text)
    assert "dash.example.org:8080" in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "prefix"), [("", ""), ("/", ""), ("dash", "/dash"), ("/dash/", "/dash"), ("/a/b-c_d.e~", "/a/b-c_d.e~")]
)
def test_a_prefix_is_understood_with_and_without_slashes(text: str, prefix: str) -> None:
    assert prefix_of(text) == prefix


@pytest.mark.parametrize("text", ["/a(b", "/dsa+110", "/a b", "/a//b", "/../x", "/é", "/a?b", "/a%20b"])
def test_a_prefix_that_would_have_to_be_escaped_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="Cannot serve below the path"):
        prefix_of(text)


@pytest.mark.parametrize(
    ("address", "host"), [("::1", "[::1]"), ("::", "localhost"), ("0.0.0.0", "localhost"), ("127.0.0.1", "127.0.0.1")]
)
def test_the_address_that_is_printed_can_be_opened(address: str, host: str) -> None:
    assert host_in_url(address) == host


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--allow-origin", "a:b:c", "A browser cannot come from 'a:b:c'"),
        ("--prefix", "/a(b", "Cannot serve below the path '/a(b'"),
    ],
)
def test_the_command_says_which_option_it_does_not_understand(
    option: str, value: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.main(["serve", "--state-dir", str(tmp_path), "--port", "0", option, value]) == 2
    message, remedy = capsys.readouterr().err.splitlines()[-2:]
    assert words in message
    assert "for example" in remedy or "dash.example.org:8080" in remedy
