/** The command line. */
import process from 'node:process'
import { parseArgs } from 'node:util'

export const { values: options } = parseArgs({
  options: {
    profile: { type: 'string' },
    operation: { type: 'string' },
    ours: { type: 'string' },
    user: { type: 'boolean', default: false },
    fresh: { type: 'boolean', default: false },
    self: { type: 'boolean', default: false },
    messages: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
    times: { type: 'boolean', default: false },
    dump: { type: 'boolean', default: false },
    lanes: { type: 'string', default: '2' },
  },
})

if (process.getuid?.() !== 0) throw new Error('the matrix needs root')
