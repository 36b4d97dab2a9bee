/** A command line that cannot be followed: one line for stderr, and the exit code. */
export class UsageError extends Error {
  readonly exitCode: number
  constructor(message: string, exitCode: number) {
    super(message)
    this.exitCode = exitCode
  }
}
