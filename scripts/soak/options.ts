/** The command line. */
import { parseArgs } from 'node:util'

export type Options = {
  minutes: number
  seed: string
  /** Of the server that runs all the time. */
  clients: number
  server: 'ours' | 'reference'
  /** The reference's version. */
  reference: string
  /** Another command in our executable's place. */
  ours: string | undefined
}

export function readOptions(args?: readonly string[]): Options {
  const { values } = parseArgs({
    ...(args === undefined ? {} : { args: [...args] }),
    options: {
      minutes: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1e9)) },
      clients: { type: 'string', default: '6' },
      server: { type: 'string', default: 'ours' },
      reference: { type: 'string', default: '0.171.0' },
      ours: { type: 'string' },
    },
  })
  const [minutes, clients] = [Number(values.minutes), Number(values.clients)]
  if (!(minutes > 0)) throw new Error('--minutes must be a number above 0')
  if (!Number.isInteger(clients) || clients < 1) throw new Error('--clients must be a whole number from 1 on')
  const { seed, server, reference, ours } = values
  if (server !== 'ours' && server !== 'reference') throw new Error('--server must be ours or reference')
  return { minutes, seed, clients, server, reference, ours }
}
