"""Names in the addresses of files: those that are not known are refused, those that pages write never are."""

from __future__ import annotations

import asyncio
import json
import re
from urllib.parse import quote

import httpx
import pytest

from data_access.archive import Archive
from tests.dashboards.bokeh_client import BokehClient
from tests.integration.page_opening import SPECS, Known, open_view

FILES = (
    r"images/\d+/cutout", r"images/\d+/png", r"images/\d+/fits", r"images/\d+/thumbnail\.png", r"sources/export",
    r"sources/[^/?]+/light_curve", r"sources/[^/?]+/epochs/\d+\.png", r"sources/[^/?]+/epochs\.(?:gif|mp4|png)",
    r"marks\.csv",
)  # fmt: skip
LINK = re.compile(rf"(?:\.{{1,2}}/)+((?:{'|'.join(FILES)})(?:\?[^\"\\\s]*)?)(?=[\"\\])")


def address(path: str, known: Known) -> str:
    return path.format(image=f"/images/{known.image_id}", source=f"/sources/{quote(known.source_id, safe='')}")


@pytest.mark.parametrize(
    ("path", "name", "understood"),
    [
        ("/sources/export?eta_min=3", "eta_min", "eta, v, n"),
        ("/sources/export?near=149.7+65.5&radius=1", "near", "text, radius"),
        ("/sources/export?Format=fits", "Format", "format, sort"),
        ("/sources/export?%FF=1", "\ufffd", "format, sort"),
        ("/sources/export?gr%C3%B6%C3%9Fe=1", "gr\xf6\xdfe", "format, sort"),
        ("{source}/light_curve?mjd_form=60000", "mjd_form", "mjd_from, mjd_to"),
        ("{image}/cutout?x=30&y=30&witdh=2&unit=arcmin", "witdh", "width, height, unit"),
        ("{image}/png?palette=red", "palette", "colormap"),
        ("{image}/fits?format=png", "format", "takes no query"),
        ("{image}/thumbnail.png?size=90", "size", "sheet"),
        ("{image}/thumbnail.png?sheet=1&size=90", "size", "sheet"),
        ("{source}/epochs.gif?fps=3", "fps", "rate"),
        ("{source}/epochs/1.png?width=3", "width", "size"),
        ("/marks.csv?all=1", "all", "history"),
    ],
)
async def test_a_name_that_is_not_known_is_refused_and_those_that_are_understood_are_named(
    http: httpx.AsyncClient, known: Known, path: str, name: str, understood: str
) -> None:
    answer = await http.get(address(path, known))
    assert answer.status_code == 400
    assert f"Not known in this address: '{name}'" in answer.text
    assert understood in answer.text.partition("\n")[2]


@pytest.mark.parametrize(("value", "status"), [("maybe", 400), ("%FF", 400), ("yes", 200), ("0", 200), ("", 200)])
async def test_the_history_of_marks_is_asked_for_with_yes_or_no(
    http: httpx.AsyncClient, value: str, status: int
) -> None:
    answer = await http.get(f"/marks.csv?history={value}")
    assert answer.status_code == status
    if status == 400:
        assert "Choose one of: 1, yes, true, 0, no, false" in answer.text
    else:
        assert ("history" in answer.headers["Content-Disposition"]) == (value == "yes")


async def test_the_whole_address_of_the_list_of_sources_asks_for_its_export(
    http: httpx.AsyncClient, archive: Archive
) -> None:
    state = {
        "eta": "0..",
        "sort": "eta",
        "order": "desc",
        "rows": "25",
        "cols": "eta,v",
        "sky": "flat",
        "theme": "red",
    }
    view = await open_view(archive, "/sources", state)
    query = {name: str(getattr(view, name)) for name in SPECS["/sources"].load_view().url_params}
    answer = await http.get("/sources/export", params={**query, "theme": "red"})
    assert answer.status_code == 200
    assert answer.content.count(b"\n") < (await http.get("/sources/export")).content.count(b"\n")


SELECTION = "mjd_from=50000&mjd_to=70000&flagged=1&without=1&error_percent=3&error_mjy=1"


@pytest.mark.parametrize(
    ("page", "wanted"),
    [
        ("/images?view=gallery", ["thumbnail.png?sheet=1"]),
        ("{image}?stretch=log&invert=1&limits=zscale&theme=light&cut=pixel+60+60", ["/png?", "/fits", "format=py"]),
        ("{image}?limits=hand&low=0&high=0.1", ["/png?"]),
        ("/sources?eta=0..&text=N&sort=eta&order=desc&cols=eta&rows=25&theme=red", ["format=parquet&"]),
        ("{source}?" + SELECTION, ["light_curve?format=parquet", "epochs.gif?", "/epochs/"]),
        ("{source}?strip_scale=own&unit=Jy&flux=integrated&theme=red", ["epochs.png?", "/epochs/"]),
        ("/review", ["marks.csv?history=1", "mark=cross"]),
    ],
)
async def test_every_link_to_a_file_that_a_page_writes_is_accepted(
    http: httpx.AsyncClient, known: Known, page: str, wanted: list[str]
) -> None:
    client = await BokehClient(str(http.base_url).rstrip("/"), address(page, known)).open()
    met, asked = json.dumps(client.document), {}
    async with asyncio.timeout(30):
        for text in wanted:
            while text not in met:
                met += json.dumps((await client.receive())[1])
    await client.close()
    found = LINK.findall(met)
    assert [text for text in wanted if not any(text in url for url in found)] == []
    for url in found:
        path, _, query = url.partition("?")
        asked[re.sub(r"\d+", "", path), tuple(part.partition("=")[0] for part in query.split("&"))] = url
    for url in asked.values():
        answer = await http.get(f"/{url}")
        assert answer.status_code == 200, (url, answer.text[:200])
