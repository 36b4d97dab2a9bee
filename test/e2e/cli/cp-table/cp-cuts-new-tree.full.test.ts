/** `exec-server cp` of a new tree is interrupted and cut at ten points; see check-cuts.ts. */
import { checkCuts } from './check-cuts.ts'

checkCuts('exec-server cp of a new tree, interrupted and cut', { source: 'tree', target: 'new' })
