/** `exec-server cp` of a tree over another is interrupted and cut at ten points; see check-cuts.ts. */
import { checkCuts } from './check-cuts.ts'

checkCuts('exec-server cp of a tree over another, interrupted and cut', { source: 'tree', target: 'into' })
