/** A command behind the program that confines it, as it is started. */

/** A program with the descriptors that it gets from number 3 on, which are closed with {@link close} once it runs. */
export type SandboxedCommand = {
  file: string
  args: string[]
  descriptors: number[]
  close: () => void
  /** To be called when what was started has ended. */
  ended?: () => void
}

export type SandboxedStart = SandboxedCommand & {
  /** To be called once, when the sandbox is gone or could not be started. */
  release(): void
}
