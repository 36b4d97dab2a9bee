/** An environment variable that Codex and the server both have, with values that tell whose was taken. */
export const TOKEN = 'STAND_IN_TOKEN'
export const CLIENT_TOKEN = 'of-the-client'
export const SERVER_TOKEN = 'of-the-server'
