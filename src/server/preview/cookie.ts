/** The cookie that opens a preview with an origin of its own. Pages cannot read it, and programs do not receive it. */

const NAME = 'exec-server-preview'

/** A session cookie of this host alone, which no other site's requests carry. */
export const previewCookie = (token: string, isSecure: boolean): string =>
  `${NAME}=${token}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`

const isOurs = (pair: string): boolean => pair.split('=')[0]?.trim() === NAME

const pairsOf = (header: string): string[] => header.split(';')

/** The tokens in a Cookie header. A neighbour's page can add one, and so must not be able to displace ours. */
export const tokensIn = (header: string): string[] =>
  pairsOf(header)
    .filter(isOurs)
    .map((pair) => pair.slice(pair.indexOf('=') + 1).trim())

/** The header without ours; undefined if nothing is left. */
export function withoutOurs(header: string): string | undefined {
  const others = pairsOf(header).filter((pair) => !isOurs(pair) && pair.trim() !== '')
  return others.length === 0 ? undefined : others.join(';').trim()
}

/** A Set-Cookie of the program, for its host alone; undefined if it would replace ours. */
export const ownSetCookie = (header: string): string | undefined =>
  isOurs(pairsOf(header)[0] ?? '') ? undefined : header.replace(/;\s*domain\s*=[^;]*/gi, '')
