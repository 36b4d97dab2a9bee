/** `exec-server cp` beside the real `cp`: single files; see rows/row.ts. */
import { checkRows } from './check-rows.ts'
import { fileRows } from './rows/file-rows.ts'

checkRows('exec-server cp beside cp, files', fileRows)
