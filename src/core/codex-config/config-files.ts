/** What the core needs of a machine to read Codex's configuration there. Failures are errors that say what is wrong. */
export type ConfigFiles = {
  /** Where the machine's administrator keeps configuration for everybody. */
  systemDirectory: string
  /** Absent where there is none. `codex` need not exist unless the user has named it. */
  homes(): Promise<{ user?: string; codex: string }>
  hostname(): string | undefined
  /** The whole text of a regular file; undefined if there is none by that name. Throws for everything else, with the path. */
  read(path: string): Promise<string | undefined>
  /** What is there, links followed. */
  kindOf(path: string): Promise<'file' | 'directory' | undefined>
  /** The path with its links resolved; undefined if nothing is there. */
  canonicalize(path: string): Promise<string | undefined>
}
