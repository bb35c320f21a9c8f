"""Bytes that are no text, and what the web server itself refuses: a status of its own kind, and words."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest

from tests.integration.page_opening import Known


def address(path: str, known: Known) -> str:
    return path.format(image=f"/images/{known.image_id}", source=f"/sources/{quote(known.source_id, safe='')}")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("{image}/cutout?pos=%FF", "called '\ufffd', and it is not a position"),
        ("{image}/cutout?ra=%FF", "'\ufffd' is not an angle"),
        ("{image}/cutout?x=%FF&y=1", "x: '\ufffd' is not a number"),
        ("{image}/cutout?x=1&y=1&unit=%FF", "unit: '\ufffd' is not known"),
        ("{image}/png?stretch=%FF", "stretch: '\ufffd' is not known"),
        ("/sources/export?n=%FF", "'\ufffd' is not a number"),
        ("/sources/export?sort=%FF", "cannot be sorted by '\ufffd'"),
        ("/sources/export?list=%FF", "The list '\ufffd' is unknown"),
        ("{source}/light_curve?mjd_from=%FF", "'\ufffd' is not a date"),
        ("{source}/epochs.gif?size=%FF", "size: '\ufffd' is not a number"),
    ],
)
async def test_a_file_says_which_value_is_no_text(
    http: httpx.AsyncClient, known: Known, path: str, words: str
) -> None:
    answer = await http.get(address(path, known))
    assert answer.status_code == 400
    assert words in answer.text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/sources/%FF", "There is no source &#39;\ufffd&#39;"),
        ("/images/%FF", "There is no image &#39;\ufffd&#39;"),
        ("/jobs/%FF", "There is no run &#39;\ufffd&#39;"),
        ("/images/%FF/cutout", "There is no image '\ufffd'"),
        ("/sources/%FF/light_curve", "There is no source '\ufffd'"),
        ("/%FF", "There is no such page: /\ufffd"),
        ("/assets/%FF", "There is no such page: /assets/\ufffd"),
        ("/nothing?theme=%FF", "There is no such page: /nothing"),
    ],
)
async def test_a_name_that_is_no_text_is_not_found(http: httpx.AsyncClient, path: str, words: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 404
    assert words in answer.text


async def test_the_error_page_is_written_whatever_theme_is_asked_for(http: httpx.AsyncClient) -> None:
    answer = await http.get("/ms/detail?theme=%FF")
    assert answer.status_code == 400
    assert "That does not mean anything here" in answer.text


@pytest.mark.parametrize("path", ["/images?theme=%FF", "{image}?theme=%FF", "/sources?sort=%FF"])
async def test_a_page_opens_though_a_value_of_its_address_is_no_text(
    http: httpx.AsyncClient, known: Known, path: str
) -> None:
    for _ in range(2):  # the second time its head is sent before it is built
        answer = await http.get(address(path, known))
        assert answer.status_code == 400
        assert "bokeh.min.js" in answer.text
        assert "data-root-id" in answer.text
        assert "unexpectedly" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "/images", 405, "can only be read: /images"),
        ("DELETE", "/sources/export", 405, "Ask for it with GET or HEAD"),
        ("PUT", "/healthz", 405, "can only be read: /healthz"),
        ("GET", "/assets/%00", 404, "/assets/"),
        ("GET", "/static/js/%00", 404, "/static/js/"),
        ("GET", "/assets/", 403, "does not allow this request: /assets/"),
        ("GET", "/images?bokeh-session-id=%FF", 403, "does not allow this request: /images"),
        ("GET", "/images?bokeh-token=x", 403, "Open the page anew"),
    ],
)
async def test_what_the_web_server_itself_refuses_has_words(
    http: httpx.AsyncClient, method: str, path: str, status: int, words: str
) -> None:
    await http.get("/images")  # so that the next answer would begin with its head
    answer = await http.request(method, path)
    assert answer.status_code == status
    assert words in answer.text
    assert answer.headers.get("Allow", "GET, HEAD") == "GET, HEAD"
    assert ("Allow" in answer.headers) == (status == 405)
    is_file = path.startswith("/sources/export")
    assert answer.headers["Content-Type"].startswith("text/plain" if is_file else "text/html")
