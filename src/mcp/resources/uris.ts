/** The URIs of resources: files of the devbox, and the output of runs. */
import { parsePath } from '../../protocol/schemas/path-uri.ts'

/** What a URI names. */
export type ResourceName = { kind: 'file'; path: string } | { kind: 'run'; id: string }

/** Templates of the URIs, for clients that make their own. */
export const TEMPLATES = [
  {
    uriTemplate: 'file://{+path}',
    name: 'file',
    title: 'A file of the devbox',
    description: 'The content of a regular file, by its absolute path.',
  },
  {
    uriTemplate: 'run:///{run_id}',
    name: 'run',
    title: 'The output of a command',
    description: 'What a run has written so far: its first 64 KiB and its last MiB.',
    mimeType: 'text/plain',
  },
] as const

const RUN = /^run:\/\/\/(run-[0-9]{1,10})$/

/** Undefined for a URI of another kind. */
export function parseResourceUri(uri: string): ResourceName | undefined {
  const id = RUN.exec(uri)?.[1]
  if (id !== undefined) return { kind: 'run', id }
  if (!/^file:/i.test(uri)) return undefined
  try {
    return { kind: 'file', path: parsePath(uri) }
  } catch {
    return undefined
  }
}

export const runUri = (id: string): string => `run:///${id}`

/** The paths of those URIs that are of files. */
export const pathsOf = (uris: readonly string[]): string[] =>
  uris.flatMap((uri) => {
    const name = parseResourceUri(uri)
    return name?.kind === 'file' ? [name.path] : []
  })
