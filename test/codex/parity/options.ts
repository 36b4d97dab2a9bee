/** The command line. */
import { parseArgs } from 'node:util'

export const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    release: { type: 'string' },
    ours: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
