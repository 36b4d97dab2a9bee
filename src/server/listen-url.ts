import { isIP } from 'node:net'

export type Listen = { kind: 'stdio' } | { kind: 'websocket'; address: string; port: number }

const WEBSOCKET = /^ws:\/\/(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/

/** Reads a --listen value: a literal IP address and a port, or stdio. Throws an error for the command line. */
export function parseListenUrl(value: string): Listen {
  if (value === 'stdio' || value === 'stdio://') return { kind: 'stdio' }
  if (!value.startsWith('ws://')) throw new Error(`unsupported --listen URL \`${value}\`; use \`ws://IP:PORT\`, \`stdio\` or \`stdio://\``)
  const [, six, four, digits] = WEBSOCKET.exec(value) ?? []
  const address = six !== undefined && isIP(six) === 6 ? six : four !== undefined && isIP(four) === 4 ? four : undefined
  const port = Number(digits)
  if (address === undefined || port > 65_535) throw new Error(`invalid --listen URL \`${value}\`; use \`ws://IP:PORT\` with a literal IP address`)
  return { kind: 'websocket', address, port }
}

export function listenUrl(address: string, port: number): string {
  return `ws://${isIP(address) === 6 ? `[${address}]` : address}:${port}`
}
