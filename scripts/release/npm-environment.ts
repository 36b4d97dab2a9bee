/** The environment that npm is called with. */
import process from 'node:process'

/** npm would leave a cache of compiled code in the folder for temporary files. */
export const npmEnvironment = (): NodeJS.ProcessEnv => ({ ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' })
