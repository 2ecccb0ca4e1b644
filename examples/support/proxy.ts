/**
 * A proxy on the loopback that records its requests: plain HTTP, TLS or SOCKS, with or without credentials. The tests use
 * the same.
 */
export { type ProxyServer, type ProxyServerOptions, proxyServer } from "../../test/support/proxyServer.js"
