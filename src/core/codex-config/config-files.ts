/** What the core needs from a machine to read its Codex configuration. Errors have messages that can be shown. */
export type ConfigFiles = {
  /** Directory of the machine-wide configuration. */
  systemDirectory: string
  /** The user's home directory, if there is one, and Codex's. The latter need not exist unless the user has set it. */
  homes(): Promise<{ user?: string; codex: string }>
  hostname(): string | undefined
  /**
   * Reads a regular file; undefined if it does not exist.
   * @throws Error with the path for everything else
   */
  read(path: string): Promise<string | undefined>
  /** The type of a path, following symlinks; undefined if there is neither. */
  kindOf(path: string): Promise<'file' | 'directory' | undefined>
  /** Resolves symlinks; undefined if nothing is there. */
  canonicalize(path: string): Promise<string | undefined>
}
