/** The option for previews. */
import { UsageError } from '../../base/usage-error.ts'
import type { Listen } from '../../server/http/listen-url.ts'

export const previewOptions = { preview: { type: 'boolean' } } as const

export const PREVIEW_HELP = `  --preview                    show in a browser what listens on this machine's loopback: exec-server preview PORT
                               prints the URL
`

type Values = {
  preview?: boolean | undefined
  'require-sandbox'?: boolean | undefined
  'forward-policy'?: string | undefined
}

/**
 * Whether there are previews.
 * @throws {UsageError} without a listener that a browser can connect to, or without rules where nothing may act outside of
 * a sandbox
 */
export function parsePreview(values: Values, listen: Listen): boolean {
  if (values.preview !== true) return false
  if (values['require-sandbox'] === true && values['forward-policy'] === undefined)
    throw new UsageError('--preview with --require-sandbox requires --forward-policy, which says what it may show', 2)
  if (listen.kind === 'websocket') return true
  throw new UsageError(
    '--preview requires a WebSocket listener: a browser connects to no unix socket, and not to stdio',
    2,
  )
}
