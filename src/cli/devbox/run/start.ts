/** Starts a process, and tells failures as a shell does. */
import { ErrorCode, messageOf, RpcError } from '../../../client/base/errors.ts'
import type { ExecClient, RemoteProcess, StartOptions } from '../../../client/base/types.ts'
import { CommandError, OWN_FAILURE } from '../base/command-error.ts'

const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

/** The system's numbers of the failures, by which the server names them: no such file; permission denied, and a file of no known format. */
const MISSING = /\(os error 2\)/
const UNFIT = /\(os error (?:8|13|20|21|40|62)\)/

/** Throws CommandError with the exit code of a shell that could not start it. */
export async function startProcess(
  client: ExecClient,
  options: StartOptions,
  signal?: AbortSignal,
): Promise<RemoteProcess> {
  try {
    return await client.start(options, { signal })
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    // It says the same of a program and of a directory.
    const { cwd } = options
    const isOfPath = MISSING.test(error.message) || UNFIT.test(error.message)
    const place = cwd === undefined || !isOfPath ? undefined : await faultOfDirectory(client, cwd)
    if (place !== undefined) throw new CommandError(`${cwd}: ${place}`, NOT_EXECUTABLE)
    const exitCode = MISSING.test(error.message) ? NOT_FOUND : UNFIT.test(error.message) ? NOT_EXECUTABLE : OWN_FAILURE
    throw new CommandError(`${options.argv[0]}: ${withoutNumber(error.message)}`, exitCode)
  }
}

/** What keeps a command from running there, as far as it can be seen. */
async function faultOfDirectory(client: ExecClient, path: string | URL): Promise<string | undefined> {
  try {
    return (await client.fs.getMetadata(path)).isDirectory ? undefined : 'Not a directory'
  } catch (error) {
    return error instanceof RpcError && error.code === ErrorCode.NotFound ? withoutNumber(messageOf(error)) : undefined
  }
}

const withoutNumber = (message: string): string => message.replace(/ \(os error \d+\)/, '')
