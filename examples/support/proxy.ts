/**
 * A proxy on the loopback that tells what it has seen: plain HTTP, TLS or SOCKS, with credentials or without. The
 * tests' own.
 */
export { type ProxyServer, type ProxyServerOptions, proxyServer } from "../../test/support/proxyServer.js"
