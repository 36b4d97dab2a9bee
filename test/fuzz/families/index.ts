/** Every family of inputs. */
import type { Family } from '../family.ts'
import { envelopeFamily, paramsFamily } from './conversations.ts'
import { framesFamily } from './frames.ts'
import { helperFamily } from './helper.ts'
import { httpFamily } from './http.ts'
import { stdioFamily } from './stdio.ts'

export const families: readonly Family[] = [
  framesFamily,
  envelopeFamily,
  paramsFamily,
  httpFamily,
  stdioFamily,
  helperFamily,
]
