/** Direct and prepared starts: which the server allows, and what a prepared one must not leave to it. */
import type { StartParams } from '../../protocol/schemas/process.ts'
import { isNothing } from '../../protocol/schemas/schema-primitives.ts'
import { invalidParams, invalidRequest } from '../../protocol/wire/errors.ts'
import type { Host } from '../base/host.ts'

/** What the server would resolve, or add. */
const RESOLVED_HERE = ['sandbox', 'envPolicy', 'metadata', 'shellSnapshot', 'managedNetwork', 'agent'] as const

/**
 * The params of a prepared start with its sandbox where others have theirs; undefined for a direct start.
 * @throws -32600 for a start that the server does not allow, -32602 for a prepared one that leaves something to resolve
 */
export function preparedParams(params: StartParams, { starts }: Host): StartParams | undefined {
  const { prepared } = params
  if (isNothing(prepared) || prepared === false) {
    if (!starts.direct) throw invalidRequest('this executor starts only what is prepared (--no-direct)')
    return undefined
  }
  if (!starts.prepared) throw invalidRequest('this executor takes no prepared start (--no-prepared)')
  const other = RESOLVED_HERE.find((name) => !isNothing(params[name]))
  if (other !== undefined) throw invalidParams(`${other}: not with prepared, to which nothing is added`)
  return { ...params, sandbox: prepared.sandbox }
}
