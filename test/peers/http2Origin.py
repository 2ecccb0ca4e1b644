"""The origin of http2Origin.mjs as an ASGI application, for Hypercorn."""
import gzip
import json

large = b"0123456789abcdef" * 12500
zipped = gzip.compress(b"zipped text " * 1000)
deliveries = {}


async def pieces_of(receive):
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def app(scope, receive, send):
    if scope["type"] != "http":
        return

    async def start(status=200, headers=()):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def write(body, more=False):
        await send({"type": "http.response.body", "body": body, "more_body": more})

    for name, value in scope["headers"]:
        if name == b"x-id":
            deliveries[value] = deliveries.get(value, 0) + 1
    path, query = scope["path"][1:], scope["query_string"]
    if path == "small":
        await start()
        await write(b"small " + query)
    elif path == "large":
        await start(headers=[(b"content-length", str(len(large)).encode())])
        await write(large)
    elif path == "pieces":
        await start()
        for rest in range(20, 0, -1):
            await write(f"piece {rest}\n".encode(), True)
        await write(b"")
    elif path == "nothing":
        await start(204)
        await write(b"")
    elif path == "gzip":
        await start(headers=[(b"content-encoding", b"gzip")])
        await write(zipped)
    elif path == "echo":
        await start()
        async for piece in pieces_of(receive):
            await write(piece, True)
        await write(b"")
    elif path == "length":
        size = 0
        async for piece in pieces_of(receive):
            size += len(piece)
        await start()
        await write(str(size).encode())
    elif path == "deliveries":
        twice = [name.decode() for name, count in deliveries.items() if count > 1]
        await start()
        await write(json.dumps({"count": len(deliveries), "twice": twice}, separators=(",", ":")).encode())
    else:
        await start(404)
        await write(b"not found")
