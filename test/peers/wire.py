"""Sends the requests of cases.json by aiohttp, one after another, to the URL given."""

import asyncio
import json
import sys

import aiohttp


async def main() -> None:
    url, path = sys.argv[1], sys.argv[2]
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        for case in cases:
            options = dict(case["options"])
            if "form" in options:
                options["data"] = options.pop("form")
            if "bytes" in options:
                options["data"] = options.pop("bytes").encode()
            if "text" in options:
                options["data"] = options.pop("text")
            if "auth" in options:
                options["auth"] = aiohttp.BasicAuth(*options["auth"])
            async with session.request(case["method"], url + case["path"], **options) as response:
                await response.read()


asyncio.run(main())
