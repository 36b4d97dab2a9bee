/** `exec-server cp` beside the real `cp`, where a quota or copy-on-write stands in the way; see rows/row.ts. */
import { checkRows } from './check-rows.ts'
import { quotaRows } from './rows/quota-rows.ts'

checkRows('exec-server cp beside cp, without room', quotaRows)
