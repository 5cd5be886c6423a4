"""Drives the official MCP client, in the interpreter of `scripts/toolchains/install.sh mcp`: takes where to connect and
what to call as JSON, prints what came."""

import asyncio
import json
import sys
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


async def main(said: dict[str, Any]) -> dict[str, Any]:
    if "url" in said:
        http = httpx2.AsyncClient(headers=said["headers"], timeout=60)
        server: Any = streamable_http_client(said["url"], http_client=http)
    else:
        server = StdioServerParameters(
            command=said["command"][0], args=said["command"][1:], env=said["env"], cwd=said["cwd"]
        )
    async with Client(server, read_timeout_seconds=300, **said.get("options", {})) as client:
        tools, cursor, pages = [], None, 0
        while True:
            page = await client.list_tools(cursor=cursor)
            pages += 1
            tools += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        results = []
        for name, arguments in said["calls"]:
            try:
                result = await client.call_tool(name, arguments)
                results.append({"text": result.content[0].text, "is_error": bool(result.is_error)})
            except Exception as error:
                results.append({"raised": f"{type(error).__name__}: {error}"})
        return {"version": client.protocol_version, "tools": tools, "pages": pages, "results": results}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
