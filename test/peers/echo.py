"""A WebSocket echo server on 127.0.0.1, by the library named: websockets, aiohttp or autobahn."""

import asyncio
import ssl
import sys


def context() -> ssl.SSLContext | None:
    if len(sys.argv) < 5:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(sys.argv[3], sys.argv[4])
    return made


async def by_websockets(port: int) -> None:
    import websockets

    async def echo(socket) -> None:
        async for message in socket:
            await socket.send(message)

    async with websockets.serve(echo, "127.0.0.1", port, subprotocols=["chat"], ssl=context(), max_size=8 << 20):
        await asyncio.Future()


async def by_aiohttp(port: int) -> None:
    from aiohttp import WSMsgType, web

    async def echo(request):
        socket = web.WebSocketResponse(protocols=["chat"], max_msg_size=8 << 20)
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type == WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket

    app = web.Application()
    app.add_routes([web.get("/", echo)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context()).start()
    await asyncio.Future()


async def by_autobahn(port: int) -> None:
    from autobahn.asyncio.websocket import WebSocketServerFactory, WebSocketServerProtocol
    from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept

    class Echo(WebSocketServerProtocol):
        def onConnect(self, request):
            return "chat" if "chat" in request.protocols else None

        def onMessage(self, payload, isBinary):
            self.sendMessage(payload, isBinary)

    factory = WebSocketServerFactory(f"ws://127.0.0.1:{port}")
    factory.protocol = Echo

    def accept(offers):
        for offer in offers:
            if isinstance(offer, PerMessageDeflateOffer):
                return PerMessageDeflateOfferAccept(offer)
        return None

    factory.setProtocolOptions(perMessageCompressionAccept=accept, maxMessagePayloadSize=8 << 20)
    loop = asyncio.get_running_loop()
    await loop.create_server(factory, "127.0.0.1", port, ssl=context())
    await asyncio.Future()


asyncio.run({"websockets": by_websockets, "aiohttp": by_aiohttp, "autobahn": by_autobahn}[sys.argv[1]](int(sys.argv[2])))
