/** The method table: every request except `initialize`, which creates the session that the others need. */
import { capabilityMethods } from './capability-methods.ts'
import { fsMethods } from './fs-methods.ts'
import { httpMethods, netMethods } from './network-methods.ts'
import { watchMethods } from './watch-methods.ts'
import type { MethodDefinition } from './method.ts'
import { processMethods } from './process-methods.ts'
import { runMethods } from './run-methods.ts'
import { sessionMethods } from './session-methods.ts'
import { fileHandleMethods } from './file-handle-methods.ts'

/** Definitions by method name. */
export const methods: ReadonlyMap<string, MethodDefinition> = new Map(
  Object.entries({
    ...sessionMethods,
    ...processMethods,
    ...runMethods,
    ...fsMethods,
    ...fileHandleMethods,
    ...watchMethods,
    ...capabilityMethods,
    ...httpMethods,
    ...netMethods,
  }),
)
