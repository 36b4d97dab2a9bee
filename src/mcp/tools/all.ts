/** All tools, as far as the policy has a use for them. */
import type { Tool } from '../tool.ts'
import type { Workspace } from '../workspace.ts'
import { changeTools } from './change-files.ts'
import { execTool } from './exec.ts'
import { fetchTool } from './fetch.ts'
import { findTools } from './find-files.ts'
import { grepTool } from './grep.ts'
import { readFileTool } from './read-file.ts'
import { runTools } from './runs.ts'

/** `fetch` is made by the server itself, outside of any sandbox: without network there is none. */
export const allTools = (workspace: Workspace): Tool[] => [
  execTool(workspace),
  ...runTools(workspace),
  readFileTool(workspace),
  ...changeTools(workspace),
  ...findTools(workspace),
  grepTool(workspace),
  ...(workspace.policy.hasNetwork ? [fetchTool(workspace)] : []),
]
