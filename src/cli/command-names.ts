/** The first words that call for the client's side of the program. All that the server's side loads of it. */
export const CLIENT_WORDS = ['run', 'ps', 'attach', 'kill', 'cp', 'http'] as const
export type ClientWord = (typeof CLIENT_WORDS)[number]

/** The command and its arguments, if it is one of ours. A leading `exec-server` is passed over, as the server does. */
export function clientCommand(args: readonly string[]): [ClientWord, readonly string[]] | undefined {
  const [word, ...rest] = args[0] === 'exec-server' ? args.slice(1) : args
  return CLIENT_WORDS.includes(word as ClientWord) ? [word as ClientWord, rest] : undefined
}
