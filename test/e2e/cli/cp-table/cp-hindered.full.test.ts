/** `exec-server cp` beside the real `cp`, where rights, mounts, a full disk or a quota stand in the way; see rows.ts. */
import { checkRows } from './check-rows.ts'
import { quotaRows } from './quota-rows.ts'
import { isHindered, rows } from './rows.ts'

checkRows('exec-server cp beside cp, hindered', [...rows.filter(isHindered), ...quotaRows])
