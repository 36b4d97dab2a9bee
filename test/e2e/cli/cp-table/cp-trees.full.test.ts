/** `exec-server cp` beside the real `cp`: trees; see rows/row.ts. */
import { checkRows } from './check-rows.ts'
import { treeRows } from './rows/tree-rows.ts'

checkRows('exec-server cp beside cp, trees', treeRows)
