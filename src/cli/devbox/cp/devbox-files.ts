/** The file system of the devbox. */
import { ErrorCode, messageOf, RpcError, UnsupportedError } from '../../../client/base/errors.ts'
import type { ExecClient } from '../../../client/base/types.ts'
import type { FileSystemAdapter } from './file-system-adapter.ts'

/** Paths per command: stays far below every system's argument limit, even with the longest names. */
const PATHS_AT_ONCE = 25

/** Prints 1 or 0 for each of its arguments. */
const PRINT_EXECUTABLE = 'for f; do if [ -x "$f" ]; then printf 1; else printf 0; fi; done'

/** Adapts the client's file methods; permissions are read and set by `sh` on the devbox. */
export function devboxFiles(client: ExecClient): FileSystemAdapter {
  const { fs } = client

  /**
   * The protocol has no file modes, so a shell on the devbox does it.
   * @throws {UnsupportedError} if that fails
   */
  async function shell(script: string, paths: readonly string[]): Promise<string> {
    try {
      const { exitCode, stdout, stderr } = await client.run({ argv: ['sh', '-c', script, 'sh', ...paths] })
      if (exitCode !== 0) throw new UnsupportedError(new TextDecoder().decode(stderr).trim() || `exit code ${exitCode}`)
      return new TextDecoder().decode(stdout)
    } catch (error) {
      throw error instanceof RpcError ? new UnsupportedError(messageOf(error)) : error
    }
  }

  return {
    async find(path) {
      try {
        const { isDirectory, isFile, size } = await fs.getMetadata(path)
        return { kind: isDirectory ? 'directory' : isFile ? 'file' : 'other', size }
      } catch (error) {
        if (error instanceof RpcError && error.code === ErrorCode.NotFound) return undefined
        throw error
      }
    },
    names: async (directory) => (await fs.readDirectory(directory)).map(({ fileName }) => fileName),
    makeDirectory: (path) => fs.createDirectory(path, { recursive: false }),
    read: (path) => fs.readStream(path),
    async write(path) {
      const writer = fs.writeStream(path).getWriter()
      // Writes report its errors.
      writer.closed.catch(() => {})
      return {
        write: (bytes) => writer.write(bytes),
        close: () => writer.close(),
        abort: () => writer.abort(new Error('the copy was given up')).catch(() => {}),
      }
    },
    remove: (path) => fs.remove(path, { force: true }),
    realPath: (path) => fs.canonicalize(path),
    async executablesOf(paths) {
      const found: string[] = []
      for (let at = 0; at < paths.length; at += PATHS_AT_ONCE) {
        const some = paths.slice(at, at + PATHS_AT_ONCE)
        const flags = await shell(PRINT_EXECUTABLE, some)
        found.push(...some.filter((_, index) => flags[index] === '1'))
      }
      return found
    },
    async makeExecutable(paths) {
      for (let at = 0; at < paths.length; at += PATHS_AT_ONCE)
        await shell('chmod +x -- "$@"', paths.slice(at, at + PATHS_AT_ONCE))
    },
  }
}
