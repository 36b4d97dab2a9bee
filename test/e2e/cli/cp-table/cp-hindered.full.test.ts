/** `exec-server cp` beside the real `cp`, where rights, mounts or a full disk stand in the way; see rows/row.ts. */
import { checkRows } from './check-rows.ts'
import { hinderedRows } from './rows/hindered-rows.ts'

checkRows('exec-server cp beside cp, hindered', hinderedRows)
