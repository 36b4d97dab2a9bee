/** Handlers of the HTTP methods. */
import { HttpAcknowledgeParams, HttpCancelParams, HttpRequestParams } from '../../protocol/schemas/http.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { method } from './method.ts'

const FAMILY = 'http'

/** The HTTP methods, by name. */
export const httpMethods = {
  [Method.HttpRequest]: method(FAMILY, HttpRequestParams, (params, { http }, ticket) => http.request(params, ticket)),
  // An unknown request id is ignored: the request may have ended just before.
  [Method.HttpAcknowledge]: method(FAMILY, HttpAcknowledgeParams, ({ requestId, seq }, { http }) => {
    http.acknowledge(requestId, seq)
    return {}
  }),
  [Method.HttpCancel]: method(FAMILY, HttpCancelParams, ({ requestId }, { http }) => {
    http.cancel(requestId)
    return {}
  }),
}
