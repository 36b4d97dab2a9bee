/** The contents that the fixtures answer with. */
import type { ContentBlock } from '@modelcontextprotocol/sdk/types.js'

/** A PNG of one red pixel, in base64. */
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='

/** A WAV header without samples, in base64. */
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA='

export const text = (content: string): ContentBlock => ({ type: 'text', text: content })
export const image: ContentBlock = { type: 'image', data: PNG, mimeType: 'image/png' }
export const audio: ContentBlock = { type: 'audio', data: WAV, mimeType: 'audio/wav' }

/** A text resource within other content. */
export const embedded = (uri: string, content: string, mimeType = 'text/plain'): ContentBlock => ({
  type: 'resource',
  resource: { uri, mimeType, text: content },
})
