/** What the plain protocol lacks, done by `sh` on the devbox: modes, and the rename that puts a file in its place. */
import { messageOf, RpcError } from '../../../../client/base/errors.ts'
import type { ExecClient } from '../../../../client/base/types.ts'
import { CopyError } from '../../../../host/copy/messages.ts'

/** Prints the mode of each of its arguments, in octal: GNU, BusyBox, or BSD. */
const PRINT_MODES = 'for f; do stat -L -c %a -- "$f" 2>/dev/null || stat -L -f %Lp -- "$f" || echo 644; done'

/** Creates the temporary file $1, which only its owner may read. */
const CREATE = 'umask 077; set -C; : > "$1"'

/**
 * Renames the complete file $1 to $2. It gets the owner and the mode of what it replaces, else the mode $3 without the
 * umask.
 */
const PUBLISH = `if [ -e "$2" ]; then
  o=$(stat -c %u:%g -- "$2" 2>/dev/null || stat -f %u:%g -- "$2") && chown "$o" "$1" 2>/dev/null
  m=$(stat -c %a -- "$2" 2>/dev/null || stat -f %Lp -- "$2")
else
  m=$(printf %o $(( 0$3 & ~0$(umask) )))
fi
chmod "$m" "$1" && mv -f -- "$1" "$2"`

const REMOVE = 'rm -rf -- "$1"'

/** Paths per command: stays far below every system's argument limit, even with the longest names. */
const PATHS_AT_ONCE = 25

/** A shell on the devbox. */
export type DevboxShell = {
  /** Whether there is one that can do all this. */
  isThere(): Promise<boolean>
  /** The permissions of files; undefined where they cannot be found out. */
  modesOf(paths: readonly string[]): Promise<Map<string, number>>
  /** @throws {CopyError} with the shell's words */
  create(temporary: string): Promise<void>
  /** @throws {CopyError} with the shell's words */
  publish(temporary: string, target: string, mode: number): Promise<void>
  remove(temporary: string): Promise<void>
}

export function devboxShell(client: ExecClient): DevboxShell {
  let there: Promise<boolean> | undefined

  /** @throws {CopyError} if it fails */
  async function sh(script: string, args: readonly string[]): Promise<string> {
    try {
      const { exitCode, stdout, stderr } = await client.run({ argv: ['sh', '-c', script, 'sh', ...args] })
      const words = new TextDecoder().decode(stderr).trim().split('\n').at(-1)
      if (exitCode !== 0) throw new CopyError(words || `the shell ended with exit code ${exitCode}`)
      return new TextDecoder().decode(stdout)
    } catch (error) {
      throw error instanceof RpcError ? new CopyError(messageOf(error)) : error
    }
  }
  const isThere = (): Promise<boolean> =>
    (there ??= sh('command -v mv && command -v chmod', []).then(
      () => true,
      (error: unknown) => {
        if (error instanceof CopyError) return false
        throw error
      },
    ))

  return {
    isThere,
    async modesOf(paths) {
      const modes = new Map<string, number>()
      if (!(await isThere())) return modes
      for (let at = 0; at < paths.length; at += PATHS_AT_ONCE) {
        const some = paths.slice(at, at + PATHS_AT_ONCE)
        const lines = (await sh(PRINT_MODES, some)).split('\n')
        some.forEach((path, index) => modes.set(path, Number.parseInt(lines[index] ?? '', 8)))
      }
      return modes
    },
    create: async (temporary) => void (await sh(CREATE, [temporary])),
    publish: async (temporary, target, mode) => void (await sh(PUBLISH, [temporary, target, mode.toString(8)])),
    remove: async (temporary) => void (await sh(REMOVE, [temporary])),
  }
}
