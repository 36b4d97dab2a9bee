/** `exec-server cp` beside the real `cp`, where nothing stands in the way; see rows.ts. */
import { checkRows } from './check-rows.ts'
import { isHindered, rows } from './rows.ts'

checkRows(
  'exec-server cp beside cp',
  rows.filter((row) => !isHindered(row)),
)
