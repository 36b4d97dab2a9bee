/** `exec-server cp` beside the real `cp`, where rights, mounts, a full disk or a quota stand in the way; see rows/row.ts. */
import { checkRows } from './check-rows.ts'
import { hinderedRows } from './rows/hindered-rows.ts'
import { quotaRows } from './rows/quota-rows.ts'

checkRows('exec-server cp beside cp, hindered', [...hinderedRows, ...quotaRows])
