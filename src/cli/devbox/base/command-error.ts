/** Why a command line could not be carried out: one line for stderr, and the exit code. */
export class CommandError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}

/** What exec-server itself fails with, as ssh does: no command that runs is likely to. */
export const OWN_FAILURE = 255
