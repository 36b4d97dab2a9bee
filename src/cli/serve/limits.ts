/** Puts together the limits of all parts of a server. */
import { defaultLimits } from '../../core/base/limits.ts'
import { defaultHostLimits } from '../../host/limits.ts'
import { defaultServerLimits } from '../../server/limits.ts'
import type { ServeLimits } from '../../server/serve.ts'

/** The limits unless options override them. */
export const defaultServeLimits: Readonly<ServeLimits> = {
  ...defaultLimits,
  ...defaultHostLimits,
  ...defaultServerLimits,
}
