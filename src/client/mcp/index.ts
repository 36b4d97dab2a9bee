/**
 * MCP servers on a devbox, as transports for the client of `@modelcontextprotocol/sdk`: `import { processTransport }
 * from 'exec-server/client/mcp'`. The SDK is an optional peer dependency, needed for `httpTransport` only.
 */
export { httpTransport } from './http-transport.ts'
export type { HttpTransport, HttpTransportOptions } from './http-transport.ts'
export { processTransport } from './stdio-transport.ts'
export type { ProcessTransportOptions } from './stdio-transport.ts'
export type { Devbox, McpMessage, McpTransport } from './transport.ts'
