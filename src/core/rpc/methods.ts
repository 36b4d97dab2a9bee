/** The method table: every request but `initialize`, which makes the session that the others run in. */
import { capabilityMethods } from './capability-methods.ts'
import { fsMethods } from './fs-methods.ts'
import { httpMethods } from './http-methods.ts'
import { watchMethods } from './watch-methods.ts'
import type { MethodDefinition } from './method.ts'
import { processMethods } from './process-methods.ts'
import { sessionMethods } from './session-methods.ts'
import { streamMethods } from './file-handle-methods.ts'

export const methods: ReadonlyMap<string, MethodDefinition> = new Map(
  Object.entries({
    ...sessionMethods,
    ...processMethods,
    ...fsMethods,
    ...streamMethods,
    ...watchMethods,
    ...capabilityMethods,
    ...httpMethods,
  }),
)
