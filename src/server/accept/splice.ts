/** Joins a client with a link: what one sends the other receives, until both have ended or one is lost. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { joinStreams } from '../http/join-streams.ts'

/** Headers that are for `accept` alone: the token of another server, and what a proxy adds. */
const OWN_HEADERS = ['authorization', 'cookie', 'host', 'proxy-authorization']

/** Passes on an upgrade request that was let in, with the first bytes behind it, and then every byte both ways. */
export function splice(request: Pick<IncomingMessage, 'rawHeaders'>, client: Duplex, head: Buffer, link: Duplex): void {
  link.write(requestHead(request))
  if (head.length > 0) link.write(head)
  joinStreams(client, link)
}

/** The request as the server receives it: without the path, which holds the token of the URL. */
export function requestHead({ rawHeaders }: Pick<IncomingMessage, 'rawHeaders'>): Buffer {
  const lines = ['GET / HTTP/1.1', 'Host: localhost']
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    if (!OWN_HEADERS.includes(name.toLowerCase())) lines.push(`${name}: ${value}`)
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
