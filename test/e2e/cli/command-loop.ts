/**
 * Runs client commands one after another in one process, for tests that are not about the process: each message is the
 * arguments of one and its environment. Its outputs go where the program's go; a mark on both tells where they end. See commandRunner.
 */
import { writeSync } from 'node:fs'
import process from 'node:process'
import { runCommand } from '../../../src/cli/commands.ts'

/** What follows the output of a command. */
export const END_MARK = '\0end of the command\0'

if (import.meta.main) {
  let exitCode = 0
  // A command's last call. What it returns is of no interest to any of them.
  process.exit = ((code: number) => (exitCode = code)) as typeof process.exit
  process.on('message', async ({ args, env }: { args: string[]; env: NodeJS.ProcessEnv }) => {
    process.env = env
    await runCommand(args)
    for (const fd of [1, 2]) writeSync(fd, END_MARK)
    process.send?.(exitCode)
  })
}
