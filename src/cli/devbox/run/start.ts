/** Starts a process, and reports failures as a shell does. */
import { ErrorCode, messageOf, RpcError } from '../../../client/base/errors.ts'
import type { ExecClient, StartOptions } from '../../../client/base/types.ts'
import { quoteForShell } from '../io/quote-for-shell.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'

const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

/** The errno values in the server's messages: ENOENT; and ENOEXEC, EACCES, ENOTDIR, EISDIR, ELOOP (62 on macOS). */
const MISSING = /\(os error 2\)/
const UNFIT = /\(os error (?:8|13|20|21|40|62)\)/

/**
 * Starts a process on the devbox by `start`; `options` are those that it uses.
 * @throws {CommandError} with a shell's exit code: 127 not found, 126 not executable; 255 for other server errors
 */
export async function startProcess<Started>(
  client: ExecClient,
  options: Pick<StartOptions, 'argv' | 'cwd'>,
  start: () => Promise<Started>,
): Promise<Started> {
  try {
    return await start()
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    // The error is the same for the program and for the working directory: check the directory.
    const { cwd } = options
    const isOfPath = MISSING.test(error.message) || UNFIT.test(error.message)
    const place = cwd === undefined || !isOfPath ? undefined : await faultOfDirectory(client, cwd)
    if (place !== undefined) throw new CommandError(`${String(cwd)}: ${place}`, NOT_EXECUTABLE)
    const exitCode = MISSING.test(error.message) ? NOT_FOUND : UNFIT.test(error.message) ? NOT_EXECUTABLE : OWN_FAILURE
    const hints = isOfPath ? shellHints(options.argv) : []
    throw new CommandError(describe(error.message, options.argv), exitCode, hints)
  }
}

/** White space, and what shells act on. */
const FOR_A_SHELL = /[\s|&;<>()$`*?~]/

/** A single argument that looks like a command line is one for a shell, which ssh would start and this does not. */
function shellHints(argv: readonly string[]): string[] {
  const [line = ''] = argv
  if (argv.length > 1 || !FOR_A_SHELL.test(line)) return []
  return [`a command line needs a shell: exec-server run -- sh -c ${quoteForShell(line)}`]
}

/** Why a command cannot run in a directory, if the directory is the reason. */
async function faultOfDirectory(client: ExecClient, path: string | URL): Promise<string | undefined> {
  try {
    return (await client.fs.getMetadata(path)).isDirectory ? undefined : 'Not a directory'
  } catch (error) {
    return error instanceof RpcError && error.code === ErrorCode.NotFound ? withoutNumber(messageOf(error)) : undefined
  }
}

const withoutNumber = (message: string): string => message.replace(/ \(os error \d+\)/, '')

/** The system's words as a shell says them, behind the program; what the server itself refuses stands alone. */
function describe(message: string, [program]: readonly string[]): string {
  const text = /([^:]+) \(os error \d+\)$/.exec(message)?.[1]?.trim()
  return text === undefined ? message : `${program}: ${text}`
}
