/** The tokens of previews: one for each port, derived from a key that ends with the server. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

const KEY_BYTES = 32

/** Hex digits of the id: previews of servers behind the same address do not share an origin by chance. */
const ID_DIGITS = 16

/** What previews are opened with. A token opens the preview of its port, and nothing else. */
export type PreviewKeys = {
  /** Tells this server from others in host names. No secret. Lower case, as browsers spell hosts. */
  id: string
  tokenOf(port: number): string
  isTokenOf(port: number, text: string): boolean
}

/** Derives tokens from `key`, which do not give away the key, or the token of another port. */
export function createPreviewKeys(key: Uint8Array = randomBytes(KEY_BYTES)): PreviewKeys {
  const derive = (purpose: string): Buffer => createHmac('sha256', key).update(purpose).digest()
  const tokenOf = (port: number): string => derive(`port ${port}`).toString('base64url')
  return {
    id: derive('id').toString('hex').slice(0, ID_DIGITS),
    tokenOf,
    isTokenOf: (port, text) => {
      const expected = Buffer.from(tokenOf(port))
      const given = Buffer.from(text)
      return given.length === expected.length && timingSafeEqual(given, expected)
    },
  }
}
