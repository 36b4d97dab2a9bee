/** A reverse connection, as chosen on the command line or by a program. */
import type { LinkUrl } from './link-url.ts'

/** Where to connect. `name` is the URL without secrets. Nothing has been read or opened. */
export type ConnectOptions = {
  url: LinkUrl
  name: string
  tokenFile: string
  /** A file with the only certificates that are trusted. Absent: this machine's authorities. */
  authorities: string | undefined
}
