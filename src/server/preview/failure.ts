/** Why a program behind a preview did not answer, in words for the person who looks at it. */
import type { Refusal } from '../http/host-check.ts'
import { LoopbackError } from './connect-loopback.ts'

const SANDBOXED = 'a program in a sandbox without network cannot be reached'

/** The answer for a port that cannot be connected to. */
export function notConnected(port: number, error: unknown): Refusal {
  const code = error instanceof LoopbackError ? error.code : 'EIO'
  if (code === 'ETIMEDOUT') return { status: 504, message: `port ${port} of the devbox takes no connection in time` }
  if (code === 'EACCES')
    return {
      status: 403,
      message: `the server's rules do not allow port ${port} of its loopback (--forward-policy, --http-policy)`,
    }
  if (code === 'ECONNREFUSED')
    return { status: 502, message: `nothing listens on port ${port} of the devbox's loopback; ${SANDBOXED}` }
  return { status: 502, message: `port ${port} of the devbox cannot be connected to: ${code}` }
}

/** The answer for a connection that was made, and then failed. */
export function notAnswered(port: number, error: unknown): Refusal {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'HPE_HEADER_OVERFLOW') return { status: 502, message: `the headers of port ${port} are too long` }
  if (code.startsWith('HPE_')) return { status: 502, message: `port ${port} does not answer with HTTP: ${code}` }
  return { status: 502, message: `port ${port} closed the connection without an answer` }
}

export const tooLate = (port: number, ms: number): Refusal => ({
  status: 504,
  message: `port ${port} has not answered for ${Math.round(ms / 1000)} s`,
})
