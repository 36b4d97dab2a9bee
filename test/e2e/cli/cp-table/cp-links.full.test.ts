/** `exec-server cp` beside the real `cp`: links and special files; see rows/row.ts. */
import { checkRows } from './check-rows.ts'
import { linkRows } from './rows/link-rows.ts'

checkRows('exec-server cp beside cp, links and special files', linkRows)
