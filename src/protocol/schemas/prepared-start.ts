/** Extension: prepared starts. */
import * as v from 'valibot'
import { boundedList, network } from './file-permissions.ts'
import type { Entry, Sandbox } from './sandbox.ts'
import { mapSandbox } from './sandbox-map.ts'
import { path, pathMapOf } from './schema-primitives.ts'

/** Unlike elsewhere in the protocol, an unknown member is an error: it may hold a restriction. */
const exactly = <E extends v.ObjectEntries>(entries: E) =>
  v.strictObject(entries, ({ expected }) =>
    expected === 'never' ? 'a prepared start has no such member' : 'expected an object with all members',
  )

const entry = v.pipe(
  exactly({ path, access: v.picklist(['read', 'write', 'deny']) }),
  v.transform(({ path: at, access }): Entry => ({ at: { type: 'path', path: at }, access })),
)

/**
 * The member `prepared` of process/start: the client has resolved all that a direct start leaves to the server. The
 * command gets exactly `argv` and `env`, and a sandbox of these paths:
 *
 *     "prepared": {"sandbox": {"entries": [{"path": "/usr", "access": "read"}, …], "network": "restricted"}}
 *
 * Paths are absolute, or file URIs, and of the executor; the deepest entry decides, and what no entry names cannot be
 * read. False and null are a direct start.
 */
export const PreparedStart = v.pipe(
  exactly({ sandbox: exactly({ entries: v.pipe(boundedList, v.array(entry)), network }) }),
  v.rawTransform(({ dataset, config }): { sandbox: Sandbox } => {
    const { entries, network } = dataset.value.sandbox
    const sandbox: Sandbox = { files: { unrestricted: false, entries }, network }
    const map = pathMapOf(config)
    return { sandbox: map === undefined ? sandbox : mapSandbox(sandbox, map) }
  }),
)

/** Decoded member `prepared`. */
export type PreparedStart = v.InferOutput<typeof PreparedStart>
