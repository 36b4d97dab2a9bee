/**
 * Runs command lines of the program one after another in one process: each message is the arguments and the
 * environment of one. A mark on both outputs follows what it writes. See program-runner.ts.
 */
import { writeSync } from 'node:fs'
import process from 'node:process'
import { runCommand } from '../../../src/cli/commands.ts'

/** Follows the output of each command. */
export const END_MARK = '\0end of the command\0'

if (import.meta.main) {
  // The last call of a client command, which expects nothing after it.
  process.exit = ((code: number) => (process.exitCode = code)) as typeof process.exit
  // A server that is refused after it has registered its signal handlers leaves them behind.
  process.setMaxListeners(0)
  process.on('message', async ({ args, env }: { args: string[]; env: NodeJS.ProcessEnv }) => {
    process.env = env
    process.exitCode = 0
    await runCommand(args)
    for (const fd of [1, 2]) writeSync(fd, END_MARK)
    process.send?.(process.exitCode)
  })
}
