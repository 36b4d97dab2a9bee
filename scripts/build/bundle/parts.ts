/** The parts of the bundle: what is loaded together. */

/** `roots`: modules, or folders of modules (with a slash at the end), that the sources load on demand. */
export type Part = { name: string; roots: readonly string[] }

/**
 * Each part is loaded when one of its modules is first needed: Node reads 10 KB of source and code cache in about
 * 0.15 ms, so the whole bundle would cost 40 ms at each start, and the memory for all of it. A module is in the first
 * part that needs it. What no part names is in the last one.
 */
export const PARTS: readonly Part[] = [
  // The main script. A sandboxed file call and a command that changes its name wait for the start of a process.
  { name: 'start', roots: ['src/main.ts', 'src/cli/serve/fs-helper.ts', 'src/host/process/argv0.ts'] },
  // A server until it prints its URL, and from then on.
  { name: 'listen', roots: ['src/cli/serve/run.ts'] },
  { name: 'serve', roots: ['src/server/serve.ts', 'src/cli/serve/next-steps.ts'] },
  {
    name: 'connection',
    roots: ['src/server/connection-check.ts', 'src/server/transports/websocket.ts', 'src/server/auth/peer-check.ts'],
  },
  { name: 'terminal', roots: ['src/host/process/terminal-emulator.ts'] },
  { name: 'formats', roots: ['node_modules/yaml/', 'node_modules/smol-toml/'] },
  { name: 'copy', roots: ['src/host/copy/'] },
  { name: 'features', roots: ['src/host/', 'src/server/auth/', 'src/server/http/', 'src/server/telemetry/'] },
  { name: 'usage', roots: ['src/cli/serve/', 'src/cli/config/', 'src/cli/help-command.ts', 'src/cli/print-manual.ts'] },
  { name: 'client', roots: ['src/cli/devbox/', 'src/client/'] },
  { name: 'mcp', roots: ['src/mcp/'] },
  { name: 'certificates', roots: ['src/server/tls/create-certificate.ts'] },
  { name: 'rest', roots: [] },
]

/**
 * Packages without state, of which each part has a copy with only what it uses. Shared, a package is whole: esbuild
 * cannot know what other parts use of it.
 */
export const COPIED: readonly string[] = ['node_modules/valibot/']
