/** Checks what connections need of the runtime and of `ws` without it being documented. */
import { createServer } from 'node:http'
import * as ws from 'ws'
import { checkConnectionChecks, checkReceiver } from '../host/node-internals.ts'
import type { Internal } from '../host/node-internals.ts'

/** What is missing of it. */
export const missingForConnections = (): Internal[] =>
  [...checkReceiver(ws), ...checkConnectionChecks(createServer())].filter(({ isPresent }) => !isPresent)
