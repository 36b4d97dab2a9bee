/** The hidden first argument of this program that makes it a copy agent. See agent.ts. */
export const COPY_MODE = '__copy'
