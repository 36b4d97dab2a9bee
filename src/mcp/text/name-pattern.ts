/** Patterns of `glob`, matched in bounded time: the server of all clients over HTTP matches them itself. */
import { GlobSyntaxError, parseGlob } from '../../sandbox/policy/glob.ts'
import { GLOB_STEPS } from '../limits.ts'
import { ToolError } from '../tool.ts'

/**
 * Returns whether a path relative to the searched directory matches. It throws a ToolError once all matching so far has
 * taken too many steps.
 * @throws {ToolError} if the pattern is malformed, or leads out of the directory
 */
export function namePattern(pattern: string, maxSteps = GLOB_STEPS): (path: string) => boolean {
  if (pattern.startsWith('/') || pattern.split('/').includes('..'))
    throw new ToolError('the pattern is relative to the directory: name another one in path')
  let steps = 0
  const meter = {
    get steps() {
      return steps
    },
    set steps(now) {
      steps = now
      if (steps > maxSteps) throw new ToolError('the pattern takes too long: search with a simpler one, or in a part')
    },
  }
  try {
    const { matches } = parseGlob(`/${pattern}`)
    return (path) => matches(`/${path}`, meter)
  } catch (error) {
    if (error instanceof GlobSyntaxError) throw new ToolError(`the pattern cannot be used: ${error.message}`)
    throw error
  }
}
