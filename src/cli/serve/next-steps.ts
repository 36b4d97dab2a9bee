/** What a person who has started a server on a terminal can do next. */
import { basename, relative } from 'node:path'
import process from 'node:process'
import { isSea } from '../../base/sea.ts'

/** How this program was called. */
const programName = (): string =>
  isSea() ? basename(process.execPath) : `node ${relative(process.cwd(), process.argv[1] ?? '')}`

/** Whether clients must send a token, beside the URL, and the file of a certificate that they must be given. */
type Server = { url: string; needsToken: boolean; authority?: string | undefined }

/** The text for stderr. `url` is the printed one, or a stand-in where it must not be shown. */
export function nextSteps({ url, needsToken, authority }: Server, program = programName()): string {
  const near = url.replace('://0.0.0.0:', '://127.0.0.1:').replace('://[::]:', '://[::1]:')
  const ca = authority === undefined ? '' : ` --tls-ca ${authority}`
  const token = needsToken ? ' --bearer-token-file PATH' : ''
  const lines = [
    'exec-server: it serves; from another terminal:',
    `  ${program} run --url ${near}${ca}${token} -- uname -a`,
    // Codex can neither open a unix socket, send a token by this variable, nor trust a certificate by an option.
    ...(needsToken || authority !== undefined || url.startsWith('unix:')
      ? []
      : [`  CODEX_EXEC_SERVER_URL=${near} codex`]),
    '  Ctrl-C ends it',
  ]
  return `${lines.join('\n')}\n`
}
