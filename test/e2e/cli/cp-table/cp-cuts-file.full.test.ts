/** `exec-server cp` of a file is interrupted and cut at ten points; see check-cuts.ts. */
import { checkCuts } from './check-cuts.ts'

checkCuts('exec-server cp of a file, interrupted and cut', { source: 'file', target: 'old' })
