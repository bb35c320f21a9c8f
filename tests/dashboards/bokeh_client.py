"""A browser without a browser: GET, token, websocket, PULL-DOC, document_ready, then patches."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx
import websockets

_TOKEN = re.compile(r'"token":\s*"([^"]+)"')


class BokehClient:
    """One open page of a server at `base` (with the prefix, without a trailing slash)."""

    def __init__(self, base: str, path: str) -> None:
        self.base = base
        self.path = path
        self.document: dict[str, Any] = {}

    async def open(self, *, origin: str | None = None, websocket_base: str | None = None) -> BokehClient:
        """Open the page; `websocket_base` is another server to which the websocket goes."""
        async with httpx.AsyncClient(timeout=30) as http:
            answer = await http.get(self.base + self.path)
        answer.raise_for_status()
        match = _TOKEN.search(answer.text)
        assert match is not None, "the page has no session token"
        base = websocket_base or self.base
        host = urlsplit(base)
        address = f"{base.replace('http', 'ws', 1)}{self.path.split('?')[0].rstrip('/')}/ws"
        self.socket = await websockets.connect(
            address,
            subprotocols=[websockets.Subprotocol("bokeh"), websockets.Subprotocol(match.group(1))],
            max_size=None,
            max_queue=None,
            origin=websockets.Origin(origin or f"http://{host.netloc}"),
            ping_interval=None,
        )
        await self.receive()
        await self.send("PULL-DOC-REQ", {})
        while True:
            header, content = await self.receive()
            if header["msgtype"] == "PULL-DOC-REPLY":
                self.document = content["doc"]
                break
        ready = {"type": "event", "name": "document_ready", "values": {"type": "map"}}
        await self.send(
            "PATCH-DOC", {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": ready}]}
        )
        return self

    async def send(self, kind: str, content: dict[str, Any]) -> None:
        for part in ({"msgid": uuid.uuid4().hex, "msgtype": kind}, {}, content):
            await self.socket.send(json.dumps(part))

    async def receive(self) -> tuple[dict[str, Any], dict[str, Any]]:
        header = json.loads(await self.socket.recv())
        await self.socket.recv()
        content = json.loads(await self.socket.recv())
        for _ in range(header.get("num_buffers", 0)):
            await self.socket.recv()
            await self.socket.recv()
        return header, content

    async def wait_for(self, text: str) -> str:
        """Return all patches up to the one that contains `text`, as one text."""
        met = ""
        while text not in met:
            _, content = await self.receive()
            met += json.dumps(content)
        return met

    async def close(self) -> None:
        await self.socket.close()
