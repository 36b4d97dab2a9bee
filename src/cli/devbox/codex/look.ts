/** What Codex needs of the devbox, tried there. Shared with `doctor`. */
import { posix } from 'node:path'
import type { ExecClient } from '../../../client/base/types.ts'
import { messageOf } from '../../../client/base/errors.ts'
import { sandboxOf } from '../../../mcp/policy.ts'
import { LOOK_MS } from '../base/limits.ts'

/** Why commands cannot run in the directory; undefined: they can. */
export async function directoryFault(client: ExecClient, directory: string): Promise<string | undefined> {
  try {
    const { isDirectory } = await client.fs.getMetadata(directory, { signal: AbortSignal.timeout(LOOK_MS) })
    return isDirectory ? undefined : 'it is no directory there'
  } catch (error) {
    return messageOf(error)
  }
}

/** Why commands cannot run in the sandbox of Codex's default mode, workspace-write; undefined: they can. */
export async function sandboxFault(client: ExecClient, directory: string): Promise<string | undefined> {
  const sandbox = sandboxOf({ mode: 'workspace-write', hasNetwork: false, workspace: directory })
  try {
    const { exitCode, stderr } = await client.run(
      { argv: ['/bin/sh', '-c', 'exit 0'], cwd: directory, sandbox },
      { signal: AbortSignal.timeout(LOOK_MS) },
    )
    return exitCode === 0 ? undefined : `/bin/sh ended with ${exitCode} ${stderr}`.trim()
  } catch (error) {
    return messageOf(error)
  }
}

/** The devbox in a few words: its server, platform and shell. */
export function describeDevbox({ environmentInfo, extensions }: ExecClient): string {
  const server = extensions.size > 0 ? 'exec-server' : "Codex's own server"
  const { shell, platformOs } = environmentInfo ?? {}
  return [server, platformOs, shell && posix.normalize(shell.path)].filter(Boolean).join(', ')
}
