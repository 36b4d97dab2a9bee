/** Names of the client commands. A module of its own, since it is all that the server loads of them. */
export const CLIENT_WORDS = ['run', 'ps', 'attach', 'kill', 'cp', 'http'] as const
export type ClientWord = (typeof CLIENT_WORDS)[number]

/** Splits off a client command and its arguments; undefined for anything else. Ignores a leading `exec-server`. */
export function clientCommand(args: readonly string[]): [ClientWord, readonly string[]] | undefined {
  const [word, ...rest] = args[0] === 'exec-server' ? args.slice(1) : args
  return CLIENT_WORDS.includes(word as ClientWord) ? [word as ClientWord, rest] : undefined
}
