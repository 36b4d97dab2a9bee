/** What is tried with a release as a whole, each with a server or servers of its own. */
import { hasTmux } from './terminal.ts'
import { playAppServer } from './app-server-play.ts'
import { playExecInterrupt } from './exec-interrupt.ts'
import { playTui } from './tui.ts'
import { playAgent } from '../mcp/agent.ts'
import type { Release } from '../release.ts'
import { playForward } from '../remote/forward.ts'

export type WholePlay = {
  name: string
  /** Whether the release can do it. */
  isFor(release: Release): boolean
  /** Why this machine cannot, if so. */
  missing?(): string | undefined
  /** Throws unless all of it worked, and nothing is left. */
  play(release: Release): Promise<void>
}

const withoutTmux = (): string | undefined => (hasTmux() ? undefined : 'no tmux on PATH')

export const wholePlays: readonly WholePlay[] = [
  {
    name: 'mcp: it edits, tests and serves with the tools of exec-server mcp',
    isFor: (release) => release.mcp.placed,
    play: playAgent,
  },
  {
    name: 'tmux: the terminal interface works on the devbox; /stop, and its end, end what Ctrl-C left running there',
    // Those before take an Enter that is pressed by a program for a part of what is pasted.
    isFor: (release) => release.minor >= 169,
    missing: withoutTmux,
    play: playTui,
  },
  {
    name: 'tmux: Ctrl-C ends codex exec as without exec-server codex, and all that it has started on the devbox',
    isFor: () => true,
    missing: withoutTmux,
    play: playExecInterrupt,
  },
  {
    name: 'app-server: an environment is added, and chosen for a thread and a turn, with an MCP server that runs there',
    isFor: (release) => release.minor >= 150,
    play: playAppServer,
  },
  {
    name: "relay: codex exec-server forward registers the server, and a client works through Codex's relay",
    // Those before cannot be given a token for a registry of ours.
    isFor: (release) => release.minor >= 169,
    play: playForward,
  },
]
